"""Decodes MP3 files (MPEG-1, 2 and 2.5, layer III), as players play them.

All frame headers are checked before decoding: the format has neither a total nor a checksum, and mpg123 skips bytes
that it does not understand. libsndfile estimates the length from the size of the first frames, and reads no further: of
a file with a variable bit rate it would lose the end, so that it gets the number of frames that were found. A file is
one part or several: joined files are decoded one by one, so that each loses its own padding. Tags (ID3v1, ID3v2, APE,
Lyrics3), zeros and a frame that is cut may lie before, between and behind parts; anything else between two frames is
damage. A file of fewer frames than its Xing header counts was cut on its way.

Source: ISO/IEC 11172-3, 13818-3; ID3v2.4.0; APEv2; Lyrics3 v2.00.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.rejection import Rejection
from streams.audio.blocks import AudioBlocks, Block, collected, nonempty
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import id3, sndfile
from streams.audio.containers.content import Content, first_not_zero
from streams.audio.containers.content import part as part_of
from streams.audio.containers.mpeg_frames import (
    HEADER_BYTES,
    Frame,
    Info,
    find_chain,
    frame_at,
    frames_from,
    info_of,
    is_chain,
    lead_in,
)
from streams.audio.containers.trailing_tags import APE_BYTES, ID3V1_BYTES
from streams.audio.limits import DecodeLimits, rejected

_TAGS = (b"ID3", b"TAG", b"APETAGEX", b"LYRICSBEGIN")
_LONGEST_MARK = max(map(len, _TAGS))
_SLACK_FRAMES = 3  # decoders drop the first frames if these depend on bits of earlier frames
_DECODER_DELAY = 529  # samples by which every layer III decoder is late (LAME's technical FAQ)


@dataclass(frozen=True, slots=True)
class _Part:
    """Frames in succession, without the Xing, Info or VBRI frame in front of them.

    Attributes:
        first: Its first header.
        begin: Offset of its first frame.
        start: Offset of the first frame with audio.
        end: Offset of the byte after the last whole frame.
        after: Offset of what follows, behind the frame that was cut, if one was.
        frames: Number of frames with audio.
        info: What the frame in front says.
    """

    first: Frame
    begin: int
    start: int
    end: int
    after: int
    frames: int
    info: Info | None


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode an MP3 file; the encoder's padding is removed if a LAME tag has its size.

    Args:
        audio: The file, which begins with a tag or an MPEG frame.
        limits: Limits; the number of frames is checked against them before decoding.
    """
    return collected(open_blocks(audio, limits))


def open_blocks(audio: Content, limits: DecodeLimits) -> AudioBlocks | Rejection:
    """Begin to decode a file; the same as `decode`, block by block."""
    parts = _parts(audio)
    if isinstance(parts, Rejection):
        return parts
    first = parts[0].first
    refusal = limits.check(first.rate, first.channels, sum(part.frames for part in parts) * first.samples)
    if refusal is not None:
        return refusal
    blocks = nonempty((block for part in parts for block in _decode_part(audio, part, limits)), "MP3")
    return AudioBlocks(first.rate, first.channels, SourceFormat("mpeg", "mpeg", repairs=_repairs(audio, parts)), blocks)


def repaired(audio: Content) -> Sequence[Content]:
    """Return a file that `decode` reads with repairs as whole frames and nothing else, in parts.

    The Info frames of joined files are left out: each has the length of its own part.
    """
    parts = _parts(audio)
    if isinstance(parts, Rejection):
        return [audio]
    if len(parts) == 1:
        return [part_of(audio, parts[0].begin, parts[0].end)]
    return [part_of(audio, part.start, part.end) for part in parts]


def has_frames(audio: Content) -> bool:
    """Whether an MPEG frame begins the file, or frames that follow one another are somewhere in it."""
    start = _after_tags(audio, 0)
    return frame_at(audio, start) is not None or find_chain(audio, start) is not None


def _parts(audio: Content) -> list[_Part] | Rejection:
    """Find all parts of the file, which have to be of one form."""
    start = _after_tags(audio, 0)
    if start >= len(audio):
        return rejected("TruncatedAudio", "the MP3 file ends inside its tags, before its first frame")
    at = start if frame_at(audio, start) is not None else find_chain(audio, start)
    if at is None:
        return rejected("CorruptAudio", "the file has tags of MP3, and no frame of MPEG audio, layer III")
    parts: list[_Part] = []
    while at is not None:
        part = _read_part(audio, at)
        following = _next_part(audio, part)
        if isinstance(following, Rejection):
            return following
        refusal = _refusal_of(part, parts[0] if parts else part)
        if refusal is not None:
            return refusal
        parts.append(part)
        at = following
    heard = [part for part in parts if part.frames]
    return heard or rejected("EmptyAudio", "the MP3 file has no whole frame with audio")


def _read_part(audio: Content, at: int) -> _Part:
    """Read the frames from this offset to the next Xing, Info or VBRI frame, or to the last one in succession."""
    last, frames = at, 0
    info, start, end, first = None, at, at, None
    for offset, frame in frames_from(audio, at):
        end, found = offset + frame.size, info_of(audio[offset : offset + frame.size], frame)
        if found is not None and (frames or info is not None):
            end = offset
            break
        if found is None:
            last, frames = offset, frames + 1
        else:
            info, start = found, end
        first = first or frame
    assert first is not None  # noqa: S101 - the caller has found a frame at this offset
    after = _end_of_cut_frame(audio, last, end) if frames else end
    if after < end:
        end, frames = last, frames - 1
    return _Part(first, at, start, end, after, frames, info)


def _end_of_cut_frame(audio: Content, last: int, end: int) -> int:
    """Where a frame ends: before its own end if the file ends there, or a tag and another file begin."""
    tag = audio.find(b"ID3", last + HEADER_BYTES, end)
    if tag >= 0 and id3.has_tag(audio, tag) and frame_at(audio, _after_tags(audio, tag)) is not None:
        return tag
    return min(end, len(audio))


def _refusal_of(part: _Part, first: _Part) -> Rejection | None:
    if part.first.form != first.first.form:
        forms = " and ".join(f"{one.rate} Hz with {one.channels} channels" for one in (first.first, part.first))
        return rejected("UnsupportedEncoding", f"MP3 files of {forms} are joined in one; send each as its own")
    if part.info is not None and part.info.frames > part.frames + 1:  # some count their own frame as well
        claim = f"counts {part.info.frames} frames and {part.frames} came"
        return rejected("TruncatedAudio", f"the Xing header of the MP3 file {claim}; send the whole file")
    return None


def _next_part(audio: Content, part: _Part) -> int | Rejection | None:
    """Offset of the part behind another; None if only tags, zeros or remains of a frame follow."""
    at = _after_tags(audio, part.after)
    found = at if frame_at(audio, at) is not None and is_chain(audio, at) else find_chain(audio, at)
    if found is None and part.frames == 1 and part.info is None and at == part.after < len(audio):
        return rejected("CorruptAudio", f"behind a single MP3 frame, {len(audio) - at} bytes are none")
    if found is None or found == part.after:
        return found
    if audio[part.after : min(found, part.after + _LONGEST_MARK)].startswith((*_TAGS, b"\0")):
        return found
    return rejected("CorruptAudio", f"bytes {part.after} to {found} between two MP3 frames are damaged")


def _after_tags(audio: Content, at: int) -> int:
    """Offset behind the tags and zeros that begin here."""
    before = -1
    while at != before:
        before = at
        at = _after_sized_tags(audio, at)
        rest = first_not_zero(audio, at)
        at = max(at, len(audio)) if rest is None else rest
    return at


def _after_sized_tags(audio: Content, at: int) -> int:
    """Offset behind the tags that begin here and say where they end."""
    before = -1
    while at != before:
        before = at
        at = id3.end_of_tags(audio, at)
        if audio.startswith(b"APETAGEX", at):
            is_header = audio[at + 23 : at + 24] >= b"\x20" and bool(audio[at + 23] & 0x20)
            at += APE_BYTES + (int.from_bytes(audio[at + 12 : at + 16], "little") if is_header else 0)
        elif audio.startswith(b"TAG", at):
            at += ID3V1_BYTES
        elif audio.startswith(b"LYRICSBEGIN", at):
            ends = [audio.find(mark, at) for mark in (b"LYRICSEND", b"LYRICS200")]
            at = min((end + len(b"LYRICSEND") for end in ends if end >= 0), default=at)
    return at


def _repairs(audio: Content, parts: list[_Part]) -> tuple[str, ...]:
    """What a strict decoder would not expect; tags of known sizes are no fault of an MP3 file."""
    found = {
        "leading-bytes": _after_sized_tags(audio, 0) != parts[0].begin,
        "joined": len(parts) > 1,
        "partial-frame": any(part.after != part.end for part in parts),
        "trailing-bytes": _after_sized_tags(audio, parts[-1].after) < len(audio),
    }
    return tuple(kind for kind, is_found in found.items() if is_found)


def _decode_part(audio: Content, part: _Part, limits: DecodeLimits) -> Iterator[Block]:
    """Decode one part, without the samples that encoder and decoder add."""
    data: list[Content] = [part_of(audio, part.start, part.end)]
    header, extra = audio[part.start : part.start + HEADER_BYTES], 0
    if header[2] >> 4:  # not of free format, whose frames have one size
        data.insert(0, lead_in(header, part.frames))
        extra = part.first.samples - _DECODER_DELAY
    elif part.frames == 1:  # mpg123 reads no file of one frame: a silent one follows
        data.append(header[:1] + bytes([header[1] | 1]) + header[2:] + bytes(part.first.size - HEADER_BYTES))
    expected = part.frames * part.first.samples
    begin, end = _kept(part)
    decoded = -extra  # samples of the part, of which those from `begin` to `end` are its audio
    for block in sndfile.read_blocks(data, sndfile.float_chunk, limits):
        if isinstance(block, Rejection):
            yield block
            return
        yield block[max(begin - decoded, 0) : max(end - decoded, 0)]
        decoded += len(block)
    if min(decoded, expected) < max(expected - _SLACK_FRAMES * part.first.samples, 1):
        come = max(min(decoded, expected), 0)
        yield rejected("CorruptAudio", f"of {expected} samples of the MP3 file only {come} can be decoded")


def _kept(part: _Part) -> tuple[int, int]:
    """Which samples are audio: not what encoder and decoder add, if the info frame says how much and has not aged.

    As in players, the padding ends where the info frame's number of frames does: a file whose last frame was cut has
    less of it, or none.
    """
    end = part.frames * part.first.samples
    info = part.info
    if info is None or not (info.delay or info.padding):
        return 0, end
    if info.frames >= part.frames:
        end = min(end, info.frames * part.first.samples - max(info.padding - _DECODER_DELAY, 0))
    return info.delay + _DECODER_DELAY, end
