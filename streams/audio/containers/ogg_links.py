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
from dataclasses import replace

from schemas.rejection import Rejection
from streams.audio.blocks import AudioBlocks, Block, collected, nonempty
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import id3, sndfile
from streams.audio.containers.content import Content, Readable, part
from streams.audio.containers.ogg import BEGINS, ENDS, Page, read_pages, sealed
from streams.audio.containers.ogg_head import OPUS_CLOCK, OPUS_RATE_AT, Head, parse_head
from streams.audio.containers.ogg_link import LACING_AT, Link, LinkReader
from streams.audio.limits import DecodeLimits, rejected


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
    parts = link.parts(audio, link.first.serial)
    readable = _with_rate(parts, link.first) if link.head.encoding == "opus" else parts
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
        chain = [replace(chain[0], offset=chain[0].position - frames)]
    first = chain[0].first.serial
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
    rest = chain[-1].last.end
    is_page = audio.startswith(b"OggS", rest)
    found = {
        "leading-tag": start > 0,
        "joined": len(chain) > 1,
        "start-position": any(link.offset for link in chain),
        "end-flag": any(not link.last.flags & ENDS for link in chain),
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
    """Verify all pages of a file, and split it into its links, at least one.

    Of the pages, no more is kept than each link needs: there may be millions.

    Args:
        audio: The file, which begins with ``OggS``.
    """
    found: list[Link] = []
    problem: Rejection | None = None
    reader: LinkReader | None = None
    for page in read_pages(audio):
        if isinstance(page, Rejection):  # what is wrong with a link matters only if all pages are whole
            return page
        if problem is not None:
            continue
        if reader is not None and not page.flags & BEGINS:
            reader.add(page)
            continue
        problem = _finish(reader, found)
        if problem is None:
            begun = _begin(audio, page)
            problem, reader = (begun, None) if isinstance(begun, Rejection) else (None, begun)
    problem = problem or _finish(reader, found)
    return problem or found or rejected("TruncatedAudio", "the OGG file ends before its first whole page of audio")


def _begin(audio: Content, page: Page) -> LinkReader | Rejection:
    """Begin to read a link at a page."""
    if not page.flags & BEGINS:
        return rejected("CorruptAudio", "the OGG file begins inside a stream: the pages with its headers are missing")
    head = parse_head(audio[page.body : page.end])
    return head if isinstance(head, Rejection) else LinkReader(audio, head, page, _offset)


def _finish(reader: LinkReader | None, found: list[Link]) -> Rejection | None:
    """Add the link that was read, if there is one with audio; the rejection if it is not right."""
    link = None if reader is None else reader.link()
    if isinstance(link, Link):
        found.append(link)
    return link if isinstance(link, Rejection) else None


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
    for size in audio[page.start + LACING_AT : page.body]:
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
