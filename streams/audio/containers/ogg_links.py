"""Decodes OGG files with Vorbis or Opus, link by link.

All pages and their checksums are verified, and positions and flags are corrected, so that libsndfile sees only complete
and undamaged files.

Joined files are a chain: each link is a stream from its first page to its last (RFC 3533, section 4). A link may lack
the flag at its end, which recorders of live streams never write. Its positions may begin at any number: a recording of
a live stream begins at the stream's age. They are moved to the beginning.

Sources: RFC 3533 (OGG), RFC 6716 (durations of Opus packets), RFC 7845 (Opus in OGG), Vorbis I specification.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from schemas.rejection import Rejection
from streams.audio.blocks import AudioBlocks, Block, collected, nonempty
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import id3, sndfile
from streams.audio.containers.content import Content, Readable, part
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

    def parts(self, audio: Content, serial: int) -> Sequence[Readable]:
        """Return the link as a file of its own, with right positions and flags, in parts.

        Args:
            audio: The file from which it was read.
            serial: Its serial number: in a chain, each link needs one of its own.
        """
        if self.is_plain and serial == self.pages[0].serial:
            return [part(audio, self.pages[0].start, self.pages[-1].end)]
        return [_CorrectedPage(self, page, audio, serial) for page in self.pages]


@dataclass(frozen=True, slots=True)
class _CorrectedPage:
    """A page with the right position and flags, made when it is read.

    Attributes:
        link: Its stream.
        page: The page as it came.
        audio: The file from which it was read.
        serial: The right serial number.
    """

    link: Link
    page: Page
    audio: Content
    serial: int

    def __len__(self) -> int:
        return self.page.end - self.page.start

    def __getitem__(self, key: slice) -> bytes:
        page, offset = self.page, self.link.offset
        data = bytearray(self.audio[page.start : page.end])
        data[_FLAGS_AT] = page.flags & ~ENDS | (ENDS if page is self.link.pages[-1] else 0)
        granule = max(page.granule - offset, 0) if page.granule > 0 else page.granule
        struct.pack_into("<qI", data, _GRANULE_AT, granule, self.serial)
        return sealed(bytes(data))[key]


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode an OGG file with one Vorbis or Opus stream, or with several of one kind, one behind the other.

    Args:
        audio: The file, which begins with ``OggS``, perhaps behind an ID3 tag.
        limits: Limits; the last positions are checked against them before decoding.
    """
    return collected(open_blocks(audio, limits))


def open_blocks(audio: Content, limits: DecodeLimits) -> AudioBlocks | Rejection:
    """Begin to decode a file; the same as `decode`, block by block."""
    start = id3.start_of_file(audio)
    audio = part(audio, start)
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
    source = SourceFormat("ogg", head.encoding, repairs=_repairs(audio, chain, start), gain_db=head.gain_db)
    blocks = nonempty((block for link in chain for block in _decode_link(audio, link, limits)), "OGG")
    return AudioBlocks(head.rate, head.channels, source, blocks)


def _decode_link(audio: Content, link: Link, limits: DecodeLimits) -> Iterator[Block]:
    parts = link.parts(audio, link.pages[0].serial)
    readable = _with_rate(parts, link.pages[0]) if link.head.encoding == "opus" else parts
    return sndfile.read_blocks(readable, sndfile.float_chunk, limits)


def repaired(audio: Content, frames: int) -> Sequence[Readable]:
    """Return a file that `decode` reads with repairs as one that every player shows at its right length, in parts.

    Args:
        audio: The file.
        frames: Number of sample frames that were decoded from it.
    """
    audio = part(audio, id3.start_of_file(audio))
    chain = links(audio)
    if isinstance(chain, Rejection):
        return [audio]
    if len(chain) == 1 and chain[0].offset and chain[0].head.encoding == "vorbis":  # the exact offset is known now
        chain = [replace(chain[0], offset=chain[0].last - frames)]
    first = chain[0].pages[0].serial
    return [each for number, link in enumerate(chain) for each in link.parts(audio, first + number & 0xFFFFFFFF)]


def _differing(chain: list[Link]) -> Rejection | None:
    """Refuse links that cannot be joined."""
    first = chain[0].head
    other = next((link.head for link in chain if link.head.form != first.form), None)
    if other is None:
        return None
    forms = " and ".join(f"{head.encoding} at {head.rate} Hz with {head.channels} channels" for head in (first, other))
    return rejected("UnsupportedEncoding", f"OGG files of {forms} are joined in one; send each as its own")


def _repairs(audio: Content, chain: list[Link], start: int) -> tuple[str, ...]:
    """What a strict decoder would not expect."""
    rest = chain[-1].pages[-1].end
    is_page = audio.startswith(b"OggS", rest)
    found = {
        "leading-tag": start > 0,
        "joined": len(chain) > 1,
        "start-position": any(link.offset for link in chain),
        "end-flag": any(not link.pages[-1].flags & ENDS for link in chain),
        "partial-frame": is_page,
        "trailing-bytes": rest < len(audio) and not is_page,
    }
    return tuple(kind for kind, is_found in found.items() if is_found)


def _with_rate(parts: Sequence[Readable], first: Page) -> Sequence[Readable]:
    """Write 48 kHz into an Opus header without a rate: libsndfile would decode it at 8 kHz."""
    rate_at, end = first.body - first.start + OPUS_RATE_AT, first.end - first.start
    page = parts[0][:end]
    if any(page[rate_at : rate_at + 4]):
        return parts
    right = sealed(page[:rate_at] + struct.pack("<I", OPUS_CLOCK) + page[rate_at + 4 :])
    rest = parts[0]
    return [right, *([part(rest, end)] if isinstance(rest, Content) else []), *parts[1:]]


def links(audio: Content) -> list[Link] | Rejection:
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


def _link(audio: Content, pages: list[Page]) -> Link | Rejection | None:
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
    reason = _lost_audio(audio, head, pages, first)
    return rejected("CorruptAudio", reason) if reason else Link(head, pages, _offset(audio, head, pages[first]))


def _lost_audio(audio: Content, head: Head, pages: list[Page], first: int) -> str | None:
    """Why a decoder would leave audio out, because of positions that cannot be; None if it would not.

    Encoders may give the first packet of audio the position 0, and cut less than a second off the end.
    """
    ended = sum(_ended_packets(audio, page) for page in pages[:first])
    if ended > head.head_packets + 1:
        return f"the OGG file has {ended - head.head_packets} packets of audio before its first position"
    back = max(page.granule for page in pages) - next(one.granule for one in reversed(pages) if one.granule != -1)
    if back > head.clock:
        return f"the last position of the OGG file is {back / head.clock:.0f} s before an earlier one"
    return None


def _ended_packets(audio: Content, page: Page) -> int:
    return sum(size < 255 for size in audio[page.start + _LACING_AT : page.body])  # noqa: PLR2004 - the packet ends


def _offset(audio: Content, head: Head, page: Page) -> int:
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


def _packets(audio: Content, page: Page) -> Iterator[bytes]:
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
