"""Decodes OGG files with Vorbis or Opus, link by link.

All pages and their checksums are verified, and positions and flags are corrected, so that libsndfile sees only complete
and undamaged files.

Joined files are a chain: each link is a stream from its first page to its last (RFC 3533, section 4). A link may lack
the flag at its end, which recorders of live streams never write. Its positions may begin at any number: a recording of
a live stream begins at the stream's age. They are moved to the beginning.

Sources: RFC 3533 (OGG), RFC 6716 (durations of Opus packets), RFC 7845 (Opus in OGG), Vorbis I specification.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from schemas.rejection import Rejection
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import id3, sndfile
from streams.audio.containers.ogg import BEGINS, ENDS, Page, sealed, walk
from streams.audio.containers.ogg_head import OPUS_CLOCK, OPUS_RATE_AT, Head, parse_head
from streams.audio.limits import DecodeLimits, rejected

_GRANULE_AT = 6
_FLAGS_AT = 5
_LACING_AT = 27


@dataclass(frozen=True, slots=True)
class Link:
    """One stream of a file.

    Attributes:
        head: What its first packet says.
        pages: Its pages, of which at least one has audio.
        offset: Position at which its first sample is, by the clock.
    """

    head: Head
    pages: list[Page]
    offset: int

    @property
    def frames(self) -> int:
        """Number of sample frames, as the last position says."""
        return max(self.last - self.offset - self.head.skip, 0) * self.head.rate // self.head.clock

    @property
    def last(self) -> int:
        """Last position, as the file has it."""
        return max(page.granule for page in self.pages)

    @property
    def is_plain(self) -> bool:
        """Whether it ends with its flag and begins at its beginning."""
        return bool(self.pages[-1].flags & ENDS) and not self.offset

    def file(self, audio: bytes, serial: int) -> bytes:
        """Return the link as a file of its own, with right positions and flags.

        Args:
            audio: The file from which it was read.
            serial: Its serial number: in a chain, each link needs one of its own.
        """
        if self.is_plain and serial == self.pages[0].serial:
            return audio[self.pages[0].start : self.pages[-1].end]
        return b"".join(self._page(audio, page, serial) for page in self.pages)

    def _page(self, audio: bytes, page: Page, serial: int) -> bytes:
        data = bytearray(audio[page.start : page.end])
        data[_FLAGS_AT] = page.flags & ~ENDS | (ENDS if page is self.pages[-1] else 0)
        granule = max(page.granule - self.offset, 0) if page.granule > 0 else page.granule
        struct.pack_into("<qI", data, _GRANULE_AT, granule, serial)
        return sealed(bytes(data))


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode an OGG file with one Vorbis or Opus stream, or with several of one kind, one behind the other.

    Args:
        audio: The file, which begins with ``OggS``, perhaps behind an ID3 tag.
        limits: Limits; the last positions are checked against them before decoding.
    """
    start = id3.start_of_file(audio)
    audio = audio[start:] if start else audio
    chain = links(audio)
    if isinstance(chain, Rejection):
        return chain
    head = chain[0].head
    refusal = (
        limits.check(head.rate, head.channels, 0)
        or _differing(chain)
        or limits.check(head.rate, head.channels, sum(link.frames for link in chain))
    )
    if refusal is not None:
        return refusal
    pieces = []
    rate = head.rate
    for link in chain:
        file = link.file(audio, link.pages[0].serial)
        readable = _with_rate(file, link.pages[0]) if head.encoding == "opus" else file
        decoded = sndfile.read_all(readable, sndfile.float_chunk, limits)
        if isinstance(decoded, Rejection):
            return decoded
        samples, rate = decoded
        pieces.append(samples)
    samples = np.concatenate(pieces)
    if len(samples) == 0:
        return rejected("EmptyAudio", "the OGG file holds no samples")
    source = SourceFormat("ogg", head.encoding, repairs=_repairs(audio, chain, start), gain_db=head.gain_db)
    return Clip.of(samples, rate, source)


def repaired(audio: bytes, frames: int) -> bytes:
    """Return a file that `decode` reads with repairs as one that every player shows at its right length.

    Args:
        audio: The file.
        frames: Number of sample frames that were decoded from it.
    """
    audio = audio[id3.start_of_file(audio) :]
    chain = links(audio)
    if isinstance(chain, Rejection):
        return audio
    if len(chain) == 1 and chain[0].offset and chain[0].head.encoding == "vorbis":  # the exact offset is known now
        chain = [replace(chain[0], offset=chain[0].last - frames)]
    first = chain[0].pages[0].serial
    return b"".join(link.file(audio, first + number & 0xFFFFFFFF) for number, link in enumerate(chain))


def _differing(chain: list[Link]) -> Rejection | None:
    """Refuse links that cannot be joined."""
    first = chain[0].head
    other = next((link.head for link in chain if link.head.form != first.form), None)
    if other is None:
        return None
    forms = " and ".join(f"{head.encoding} at {head.rate} Hz with {head.channels} channels" for head in (first, other))
    return rejected("UnsupportedEncoding", f"OGG files of {forms} are joined in one; send each as its own")


def _repairs(audio: bytes, chain: list[Link], start: int) -> tuple[str, ...]:
    """What a strict decoder would not expect."""
    rest = audio[chain[-1].pages[-1].end :]
    found = {
        "leading-tag": start > 0,
        "joined": len(chain) > 1,
        "start-position": any(link.offset for link in chain),
        "end-flag": any(not link.pages[-1].flags & ENDS for link in chain),
        "partial-frame": rest.startswith(b"OggS"),
        "trailing-bytes": bool(rest) and not rest.startswith(b"OggS"),
    }
    return tuple(kind for kind, is_found in found.items() if is_found)


def _with_rate(audio: bytes, first: Page) -> bytes:
    """Write 48 kHz into an Opus header without a rate: libsndfile would decode it at 8 kHz."""
    body, end = first.body - first.start, first.end - first.start
    rate_at = body + OPUS_RATE_AT
    if any(audio[rate_at : rate_at + 4]):
        return audio
    page = audio[:end]
    return sealed(page[:rate_at] + struct.pack("<I", OPUS_CLOCK) + page[rate_at + 4 :]) + audio[end:]


def links(audio: bytes) -> list[Link] | Rejection:
    """Split a file into its links, at least one.

    Args:
        audio: The file, which begins with ``OggS``.
    """
    pages = walk(audio)
    if isinstance(pages, Rejection):
        return pages
    if not pages[0].flags & BEGINS:
        return rejected("CorruptAudio", "the OGG file begins inside a stream: the pages with its headers are missing")
    found: list[Link] = []
    for group in _groups(pages):
        link = _link(audio, group)
        if isinstance(link, Rejection):
            return link
        if link is not None:
            found.append(link)
    return found or rejected("TruncatedAudio", "the OGG file ends before its first whole page of audio")


def _groups(pages: list[Page]) -> Iterator[list[Page]]:
    """Split before each page that begins a stream."""
    starts = [number for number, page in enumerate(pages) if page.flags & BEGINS]
    for start, end in zip(starts, [*starts[1:], len(pages)], strict=True):
        yield pages[start:end]


def _link(audio: bytes, pages: list[Page]) -> Link | Rejection | None:
    """Check the pages from one that begins a stream to the next such page; None if they have no audio."""
    head = parse_head(audio[pages[0].body : pages[0].end])
    if isinstance(head, Rejection):
        return head
    if any(page.serial != pages[0].serial for page in pages):
        return rejected("UnsupportedEncoding", "the OGG file has several streams at once; send one")
    first = next((number for number, page in enumerate(pages) if page.granule > 0), len(pages))
    for number, page in enumerate(pages[1:], 1):
        # A live stream is joined behind its headers, at any page.
        if number != first and page.sequence != pages[number - 1].sequence + 1:
            return rejected("CorruptAudio", "the OGG file lacks a page between its first and its last")
    if first == len(pages):
        return None
    return Link(head, pages, _offset(audio, head, pages[first]))


def _offset(audio: bytes, head: Head, page: Page) -> int:
    """Position of the first sample: of the first page with audio, less what its packets last.

    It is negative in Opus files that were cut out of others without new positions, which libopusfile refuses. The
    packets of Vorbis are not parsed: the longest that they can be is subtracted, so that the offset may be too small by
    less than that page. Of a first page that is the last, the end may be cut off, and of Vorbis also the beginning.
    """
    packets = list(_packets(audio, page))
    if head.encoding == "opus" and not page.flags & ENDS:
        return page.granule - sum(map(_ticks, packets))
    length = sum(map(_ticks, packets)) if head.encoding == "opus" else len(packets) * head.longest
    return max(page.granule - length, 0)


def _packets(audio: bytes, page: Page) -> Iterator[bytes]:
    """The beginnings of the packets that begin and end in a page."""
    at, begin, is_whole = page.body, page.body, not page.flags & 1
    for size in audio[page.start + _LACING_AT : page.body]:
        at += size
        if size < 255:  # noqa: PLR2004 - the packet ends
            if is_whole:
                yield audio[begin : begin + 2]
            begin, is_whole = at, True


def _ticks(packet: bytes) -> int:
    """Duration of an Opus packet in samples at 48 kHz, by its first two bytes (RFC 6716, section 3.1)."""
    if not packet:
        return 0
    config = packet[0] >> 3
    if config < 12:  # noqa: PLR2004 - SILK
        frame = (480, 960, 1920, 2880)[config & 3]
    elif config < 16:  # noqa: PLR2004 - hybrid
        frame = (480, 960)[config & 1]
    else:
        frame = 120 << (config & 3)
    code = packet[0] & 3
    return frame * ((1, 2, 2)[code] if code < 3 else packet[-1] & 0x3F)  # noqa: PLR2004 - a byte has the number
