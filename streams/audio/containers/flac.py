"""Decodes FLAC files: checks the header, decodes with libsndfile, then compares the header's total and MD5.

Source: RFC 9639.
"""

import hashlib
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas.rejection import Rejection
from streams.audio.blocks import AudioBlocks, Block
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import id3, pcm, sndfile
from streams.audio.containers.content import Content, end_without_zeros, part
from streams.audio.containers.trailing_tags import end_of_audio
from streams.audio.limits import DecodeLimits, rejected

STREAMINFO_AT = 8  # bytes: after the magic and the header of the first metadata block
STREAMINFO_BYTES = 34
TOTALS_AT = 10  # in STREAMINFO: eight bytes with rate, channels, bits and total samples
TOTAL_BITS = 36
_MOST_FRAMES = (1 << TOTAL_BITS) - 1
MD5_AT = 18  # in STREAMINFO
_TOTALS_AT = STREAMINFO_AT + TOTALS_AT
_NO_MD5 = bytes(16)
_LAST_BLOCK = 0x80
_FRAME_SYNCS = (b"\xff\xf8", b"\xff\xf9")
_GUESSES = 4  # where the last frame begins: its coded samples may contain the same two bytes
_BEGINNING = re.compile(rb"fLaC[\0\x80]\0\0\x22")  # the mark, and the header of STREAMINFO


@dataclass(frozen=True, slots=True)
class StreamInfo:
    """The STREAMINFO block of a FLAC file: its own claims, unverified.

    Attributes:
        rate: Sampling rate in Hz.
        channels: Number of channels.
        bits: Bits per sample, 4 to 32.
        frames: Number of sample frames; 0 if unknown to the writer.
        md5: MD5 of the samples; all zero if unknown to the writer.
    """

    rate: int
    channels: int
    bits: int
    frames: int
    md5: bytes


class _Samples:
    """Converts chunks to 16-bit samples, and computes the MD5 of the samples in their original width.

    Args:
        bits: The original width.
        most: Number of frames after which to stop; -1 for all.
    """

    def __init__(self, bits: int, most: int = -1) -> None:
        self._bits = bits
        self._left = most
        self.md5 = hashlib.md5(usedforsecurity=False)

    def read(self, file: Any) -> NDArray[np.int16]:  # noqa: ANN401 - soundfile has no types
        dtype = "int16" if self._bits <= 16 else "int32"  # noqa: PLR2004 - the width of an int16
        aligned = sndfile.int_chunk(file, dtype, self._left)
        self._left -= len(aligned) if self._left > 0 else 0
        native = aligned >> (aligned.itemsize * 8 - self._bits)
        octets = native.astype(f"<i{aligned.itemsize}", copy=False).view(np.uint8).reshape(-1, aligned.itemsize)
        self.md5.update(np.ascontiguousarray(octets[:, : (self._bits + 7) // 8]).tobytes())
        return aligned if aligned.dtype == np.int16 else pcm.from_int32(aligned, 32)


class _Reading(NamedTuple):
    """A way to read a file.

    Attributes:
        end: Where its frames end.
        most: Number of sample frames after which to stop; -1 for all.
        repairs: What is wrong with the file if this is the right way.
    """

    end: int
    most: int
    repairs: tuple[str, ...]


class _Verified(NamedTuple):
    """A file that was decoded completely.

    Attributes:
        audio: The file without tags around it.
        info: Its header.
        reading: How to read it.
        source: Its format and repairs.
        pieces: The samples, where they were kept.
    """

    audio: Content
    info: StreamInfo
    reading: _Reading
    source: SourceFormat
    pieces: list[NDArray[np.int16]]


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode a FLAC file completely and verify it.

    A total of zero samples means "unknown" (recorders that write to a pipe). The audio ends with the last frame, also
    where the header claims fewer samples; where it claims more, the file was cut short.

    Args:
        audio: The file, which begins with ``fLaC`` after ID3v2 tags; ID3 and APE tags may follow.
        limits: Limits; the header is checked against them before decoding.
    """
    file = _verified(audio, limits, keep=True)
    if isinstance(file, Rejection):
        return file
    return Clip.of(np.concatenate(file.pieces), file.info.rate, file.source)


def open_blocks(audio: Content, limits: DecodeLimits) -> AudioBlocks | Rejection:
    """Verify a file, and begin to decode it again; the same as `decode`, block by block.

    How a file has to be read, and whether its MD5 is right, is known only after all of it was decoded.
    """
    file = _verified(audio, limits, keep=False)
    if isinstance(file, Rejection):
        return file
    blocks = _blocks(file.audio, file.reading, _Samples(file.info.bits, file.reading.most), limits, file.info.channels)
    return AudioBlocks(file.info.rate, file.info.channels, file.source, blocks)


def _verified(audio: Content, limits: DecodeLimits, *, keep: bool) -> _Verified | Rejection:
    audio, repairs = without_tags(audio)
    info = parse_header(audio)
    if isinstance(info, Rejection):
        return info
    refusal = limits.check(info.rate, info.channels, info.frames) or _joined(audio)
    if refusal is not None:
        return refusal
    decoded = _decode_frames(audio, info, limits, keep=keep)
    if isinstance(decoded, Rejection):
        return decoded
    reading, pieces, frames, md5 = decoded
    repairs += reading.repairs
    if frames > info.frames:
        repairs += ("flac-total",)
    refusal = _compare(info, frames, md5)
    source = SourceFormat("flac", "flac", info.bits, repairs=repairs)
    return refusal or _Verified(audio, info, reading, source, pieces)


def _joined(audio: Content) -> Rejection | None:
    """Refuse files that are joined: most players would play the first one only."""
    count = audio.count(b"fLaC" + bytes([0, 0, 0, STREAMINFO_BYTES]), STREAMINFO_AT)
    if not count:
        return None
    reason = (
        f"{count + 1} FLAC files are joined in one, of which most players play only the first; send each as its own"
    )
    return rejected("UnsupportedEncoding", reason)


def _decode_frames(
    audio: Content, info: StreamInfo, limits: DecodeLimits, *, keep: bool
) -> tuple[_Reading, list[NDArray[np.int16]], int, bytes] | Rejection:
    """Decode all whole frames; returns how they were read, the samples if they are kept, their number and their MD5."""
    problem: Rejection | None = None
    for reading in _readings(audio, info):
        samples = _Samples(info.bits, reading.most)
        pieces: list[NDArray[np.int16]] = []
        frames = 0
        refusal: Rejection | None = None
        for block in _blocks(audio, reading, samples, limits, info.channels):
            if isinstance(block, Rejection):
                refusal = block
                break
            frames += len(block)
            if keep:
                pieces.append(block)
        if refusal is None:
            return reading, pieces, frames, samples.md5.digest()
        problem = problem or refusal
        if refusal.code != "CorruptAudio":
            break
    assert problem is not None  # noqa: S101 - there is one reading at least
    return problem


def _blocks(
    audio: Content, reading: _Reading, samples: _Samples, limits: DecodeLimits, channels: int
) -> Iterator[Block]:
    # An upper bound instead of the total, at which libsndfile would stop, and without which it does not open the file.
    parts = _with_total(part(audio, 0, reading.end), min(limits.max_frames(channels) + 1, _MOST_FRAMES))
    return sndfile.read_blocks(parts, samples.read, limits)


def _readings(audio: Content, info: StreamInfo) -> Iterator[_Reading]:
    """Yield ways to read a file, the likeliest first.

    What follows the last frame makes libsndfile fail. If the total is known, the samples end there. If it is unknown,
    the recorder may have died: then only zeros, or a part of a frame, follow the last whole frame. A file that was cut
    short is read to its last whole frame, too, to tell how much came.
    """
    yield _Reading(len(audio), -1, ())
    end = len(audio)
    if info.frames:
        yield _Reading(end, info.frames, ("trailing-bytes",))
    elif (end := end_without_zeros(audio)) < len(audio):
        yield _Reading(end, -1, ("trailing-bytes",))
    for _ in range(_GUESSES):
        end = max(audio.rfind(sync, 0, end) for sync in _FRAME_SYNCS)
        if end < STREAMINFO_AT + STREAMINFO_BYTES:
            return
        yield _Reading(end, -1, ("partial-frame",))


def without_tags(audio: Content) -> tuple[Content, tuple[str, ...]]:
    """Remove ID3 and APE tags around the file, which FLAC does not have; the kinds of `schemas.repairs` say where."""
    start = id3.start_of_file(audio)
    end = end_of_audio(audio, start)
    if (start, end) == (0, len(audio)):
        return audio, ()
    return part(audio, start, end), ("leading-tag",) * (start > 0) + ("trailing-tag",) * (end < len(audio))


def with_right_header(audio: Content, frames: int) -> Sequence[Content]:
    """Return the file without tags around it, and with its total where that is unknown or wrong, in parts.

    Args:
        audio: A file that `decode` has decoded.
        frames: How many sample frames it has.
    """
    return _with_total(without_tags(audio)[0], frames)


def _compare(info: StreamInfo, frames: int, md5: bytes) -> Rejection | None:
    """Compare the decoded audio with the header."""
    if info.frames > frames:
        return rejected(
            "TruncatedAudio", f"the FLAC header claims {info.frames} frames and {frames} came; send it whole"
        )
    if frames == 0:
        return rejected("EmptyAudio", "the FLAC file holds no samples")
    if info.md5 not in {_NO_MD5, md5}:
        return rejected("CorruptAudio", "the MD5 in the FLAC header does not match the decoded samples")
    return None


def parse_header(audio: Content) -> StreamInfo | Rejection:
    """Read STREAMINFO, and check that all metadata blocks end within the file."""
    if len(audio) < STREAMINFO_AT + STREAMINFO_BYTES:
        return rejected("TruncatedAudio", "the FLAC file ends inside its header")
    if audio[4] & 0x7F or audio[5:STREAMINFO_AT] != bytes([0, 0, STREAMINFO_BYTES]):
        return rejected("CorruptAudio", "the first block of the FLAC file is not STREAMINFO")
    at, last = 4, False
    while not last:
        if at + 4 > len(audio):
            return rejected("TruncatedAudio", "the FLAC file ends inside its metadata")
        last = bool(audio[at] & _LAST_BLOCK)
        at += 4 + int.from_bytes(audio[at + 1 : at + 4], "big")
    if at > len(audio):
        return rejected("TruncatedAudio", "the FLAC file ends inside its metadata")
    packed: int = struct.unpack(">Q", audio[_TOTALS_AT : _TOTALS_AT + 8])[0]
    return StreamInfo(
        rate=packed >> 44,
        channels=(packed >> 41 & 0x7) + 1,
        bits=(packed >> TOTAL_BITS & 0x1F) + 1,
        frames=packed & _MOST_FRAMES,
        md5=audio[STREAMINFO_AT + MD5_AT : STREAMINFO_AT + STREAMINFO_BYTES],
    )


def _with_total(audio: Content, frames: int) -> Sequence[Content]:
    """Return a file with another total, in parts."""
    totals = audio[_TOTALS_AT : _TOTALS_AT + 8]
    packed = struct.unpack(">Q", totals)[0] >> TOTAL_BITS << TOTAL_BITS | frames
    return audio[:_TOTALS_AT], struct.pack(">Q", packed), part(audio, _TOTALS_AT + 8)
