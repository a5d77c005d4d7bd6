"""Reads and verifies the pages of OGG files, and seals pages that were changed.

A file may end inside a page, or with zeros: recorders that are killed, and disks that are full, leave such files. A
wrong checksum anywhere else is damage.

Source: RFC 3533.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from schemas.rejection import Rejection
from streams.audio.containers.content import Content, end_without_zeros, part
from streams.audio.limits import rejected

BEGINS, ENDS = 0x02, 0x04  # flags of the first and the last page of a stream
_PAGE_HEADER = 27
_CHECKSUM_AT = 22
_FEWEST_ZEROS = 16  # at the end of a page that was cut: a whole page may end with a few
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


def sealed(page: bytes) -> bytes:
    """Return a page with a new checksum, after a change."""
    blank = page[:_CHECKSUM_AT] + bytes(4) + page[_CHECKSUM_AT + 4 :]
    return blank[:_CHECKSUM_AT] + struct.pack("<I", _checksum(blank)) + blank[_CHECKSUM_AT + 4 :]


def _checksum(page: bytes) -> int:
    """OGG's CRC-32 of a page whose checksum field is zero: zlib's with the bits of each byte reversed."""
    reflected = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(reflected.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


def walk(audio: Content) -> list[Page] | Rejection:
    """Read and verify all whole pages of a file, at least one; what follows the last one is no page.

    Args:
        audio: The file, which begins with ``OggS``.
    """
    pages: list[Page] = []
    for page in read_pages(audio):
        if isinstance(page, Rejection):
            return page
        pages.append(page)
    return pages


def read_pages(audio: Content) -> Iterator[Page | Rejection]:
    """The same as `walk`, page by page; a rejection is the last."""
    last: Page | None = None
    at = 0
    while at < len(audio):
        page = _read_page(audio, at)
        if isinstance(page, Rejection):
            if last is None or not _is_tail(audio, at, last):
                yield page
            return
        yield page
        last, at = page, page.end


def packets(audio: Content, pages: Iterable[Page]) -> Iterator[bytes]:
    """The packets of consecutive pages of a logical stream, which begin with a whole packet."""
    packet = b""
    for page in pages:
        at = page.body
        for size in audio[page.start + _PAGE_HEADER : page.body]:
            packet += audio[at : at + size]
            at += size
            if size < 255:  # noqa: PLR2004 - the packet ends
                yield packet
                packet = b""


def _is_tail(audio: Content, at: int, last: Page) -> bool:
    """Whether the bytes from here on are the rest of a page that was cut, zeros, or follow the end of the stream."""
    following = audio.find(b"OggS", at + 1)
    while following >= 0:
        if isinstance(_read_page(audio, following), Page):
            return False
        following = audio.find(b"OggS", following + 1)
    rest = end_without_zeros(part(audio, at))  # bytes
    if rest and audio.startswith(b"OggS", at):
        has_zeros = len(audio) - at - rest >= _FEWEST_ZEROS
        end = _page_end(audio, at)
        return end > len(audio) or (has_zeros and (end > at + rest or rest < _PAGE_HEADER))
    is_beginning = rest <= len(b"OggS") and b"OggS".startswith(audio[at : at + rest])
    return not rest or is_beginning or bool(last.flags & ENDS)


def _page_end(audio: Content, at: int) -> int:
    """Offset of the byte after a page, by its header; at least that of the header's end."""
    lacing = audio[at + _PAGE_HEADER - 1 : at + _PAGE_HEADER]
    body = at + _PAGE_HEADER + (lacing[0] if lacing else 0)
    return body + sum(audio[at + _PAGE_HEADER : body])


def _read_page(audio: Content, at: int) -> Page | Rejection:
    page = page_at(audio, at)
    if isinstance(page, Page):
        data = audio[at : page.end]
        if sealed(data) != data:
            return rejected("CorruptAudio", f"the checksum of the OGG page at byte {at} is wrong")
    return page


def page_at(audio: Content, at: int) -> Page | Rejection:
    """Read the header of the page at an offset in bytes; its checksum is not verified."""
    header = audio[at : at + _PAGE_HEADER]
    if header[:4] != b"OggS"[: len(header)]:
        return rejected("CorruptAudio", f"there is no OGG page at byte {at}, where the one before it ends")
    end = _page_end(audio, at)
    if len(header) < _PAGE_HEADER or end > len(audio):
        return rejected("TruncatedAudio", "the OGG file ends inside a page")
    _, version, flags, granule, serial, sequence = struct.unpack_from("<4sBBqII", header)
    if version != 0:
        return rejected("CorruptAudio", f"OGG version {version} at byte {at}; only version 0 exists")
    return Page(at, at + _PAGE_HEADER + header[26], end, flags, granule, serial, sequence)
