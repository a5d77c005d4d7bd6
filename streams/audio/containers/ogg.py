"""Decodes OGG files with one Vorbis or Opus stream.

All pages and their checksums are verified here, so that libsndfile sees only complete and undamaged files. The last
page must have the end-of-stream flag: without it the file is truncated. Opus is decoded at the original sampling rate
that its header names, or at the next higher rate that Opus supports (8, 12, 16, 24, 48 kHz), by libopus itself: a
narrowband call stays narrowband. If the header names no rate, it is 48 kHz.

Sources: RFC 3533 (OGG), RFC 7845 (Opus in OGG), Vorbis I specification.
"""

import struct
import zlib
from dataclasses import dataclass

from schemas.rejection import Rejection
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import sndfile
from streams.audio.limits import DecodeLimits, rejected

OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
OPUS_SKIP_AT, OPUS_RATE_AT = 10, 12  # byte offsets in the Opus header
_MAPPING_AT = 21  # byte of the Opus header, after the numbers of streams and of coupled streams
OPUS_CLOCK = 48000  # Hz: granule positions of Opus count samples of this rate, whatever the rate of the audio
_PAGE_HEADER = 27
_CHECKSUM_AT = 22
_BEGINS, _ENDS = 0x02, 0x04
_REVERSED_BITS = bytes(int(f"{octet:08b}"[::-1], 2) for octet in range(256))


@dataclass(frozen=True, slots=True)
class Page:
    """One OGG page.

    Attributes:
        start: Offset of the page in the file, in bytes.
        body: Offset of its payload.
        end: Offset of the byte after it.
        flags: 1 continued packet, 2 first page, 4 last page.
        granule: The codec's position after the page; -1 if no packet ends in it.
        serial: The logical stream that the page belongs to.
        sequence: Number of the page in its stream, from 0.
    """

    start: int
    body: int
    end: int
    flags: int
    granule: int
    serial: int
    sequence: int


@dataclass(frozen=True, slots=True)
class _Head:
    encoding: str
    channels: int
    rate: int
    skip: int
    clock: int


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode an OGG file with one Vorbis or Opus stream.

    Args:
        audio: The file, which begins with ``OggS``.
        limits: Limits; the last page's position is checked against them before decoding.
    """
    pages = walk(audio)
    if isinstance(pages, Rejection):
        return pages
    head = _parse_head(audio[pages[0].body : pages[0].end])
    if isinstance(head, Rejection):
        return head
    refusal = limits.check(head.rate, head.channels, 0) or limits.check(
        head.rate, head.channels, max(pages[-1].granule - head.skip, 0) * head.rate // head.clock
    )
    if refusal is not None:
        return refusal
    readable = _with_rate(audio, pages[0]) if head.encoding == "opus" else audio
    decoded = sndfile.read_all(readable, sndfile.float_chunk, limits)
    if isinstance(decoded, Rejection):
        return decoded
    samples, rate = decoded
    if len(samples) == 0:
        return rejected("EmptyAudio", "the OGG file holds no samples")
    return Clip.of(samples, rate, SourceFormat("ogg", head.encoding))


def sealed(page: bytes) -> bytes:
    """Return a page with a new checksum, after a change."""
    blank = page[:_CHECKSUM_AT] + bytes(4) + page[_CHECKSUM_AT + 4 :]
    return blank[:_CHECKSUM_AT] + struct.pack("<I", _checksum(blank)) + blank[_CHECKSUM_AT + 4 :]


def _checksum(page: bytes) -> int:
    """OGG's CRC-32 of a page whose checksum field is zero: zlib's with the bits of each byte reversed."""
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


def walk(audio: bytes) -> list[Page] | Rejection:
    """Read and verify all pages of a file with one logical stream."""
    pages: list[Page] = []
    at = 0
    while at < len(audio):
        page = _read_page(audio, at)
        if isinstance(page, Rejection):
            return page
        pages.append(page)
        at = page.end
    if not pages or not pages[0].flags & _BEGINS:
        return rejected("CorruptAudio", "the first OGG page does not begin a stream")
    if any(page.serial != pages[0].serial or page.flags & (_BEGINS | _ENDS) for page in pages[1:-1]):
        return rejected("UnsupportedEncoding", "the OGG file holds more than one stream; send one")
    if pages[-1].serial != pages[0].serial or not pages[-1].flags & _ENDS:
        return rejected("TruncatedAudio", "the last OGG page does not end the stream")
    if any(page.sequence != number for number, page in enumerate(pages, pages[0].sequence)):
        return rejected("CorruptAudio", "the OGG file lacks a page between its first and its last")
    return pages


def _read_page(audio: bytes, at: int) -> Page | Rejection:
    header = audio[at : at + _PAGE_HEADER]
    if header[:4] != b"OggS"[: len(header)]:
        return rejected("CorruptAudio", f"there is no OGG page at byte {at}, where the one before it ends")
    body = at + _PAGE_HEADER + (header[26] if len(header) == _PAGE_HEADER else 0)
    end = body + sum(audio[at + _PAGE_HEADER : body])
    if len(header) < _PAGE_HEADER or end > len(audio):
        return rejected("TruncatedAudio", "the OGG file ends inside a page")
    _, version, flags, granule, serial, sequence = struct.unpack_from("<4sBBqII", header)
    if version != 0:
        return rejected("CorruptAudio", f"OGG version {version} at byte {at}; only version 0 exists")
    if sealed(audio[at:end]) != audio[at:end]:
        return rejected("CorruptAudio", f"the checksum of the OGG page at byte {at} is wrong")
    return Page(at, body, end, flags, granule, serial, sequence)


def _with_rate(audio: bytes, first: Page) -> bytes:
    """Write 48 kHz into an Opus header without a rate: libsndfile would decode it at 8 kHz."""
    rate_at = first.body + OPUS_RATE_AT
    if any(audio[rate_at : rate_at + 4]):
        return audio
    page = audio[: first.end]
    return sealed(page[:rate_at] + struct.pack("<I", OPUS_CLOCK) + page[rate_at + 4 :]) + audio[first.end :]


def _parse_head(packet: bytes) -> _Head | Rejection:
    if packet.startswith(b"OpusHead"):
        if len(packet) < 19 or packet[8] >> 4 or not _maps_channels(packet):  # noqa: PLR2004 - size of an OpusHead
            return rejected("UnsupportedEncoding", "the Opus header is not version 1 with mapping family 0 or 1")
        channels, skip, original = struct.unpack_from("<BHI", packet, 9)
        rate = next((known for known in OPUS_RATES if 0 < original <= known), OPUS_CLOCK)
        return _Head("opus", channels, rate, skip, OPUS_CLOCK)
    if packet.startswith(b"\x01vorbis") and len(packet) >= 30:  # noqa: PLR2004 - size of the identification header
        channels, rate = struct.unpack_from("<BI", packet, 11)
        return _Head("vorbis", channels, rate, 0, rate)
    return rejected("UnsupportedEncoding", "the OGG stream is neither Vorbis nor Opus")


def _maps_channels(head: bytes) -> bool:
    """Whether an Opus header has mapping family 0, or family 1 with a table of the channels' streams."""
    channels, family = head[9], head[18]
    return family == 0 or (family == 1 and len(head) == _MAPPING_AT + channels)
