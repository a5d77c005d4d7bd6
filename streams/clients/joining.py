"""Joins the segments of a track to one piece of audio. It needs the audio libraries, which the extra ``worker`` has."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas import MediaType, Rejection
from schemas.media_type import MIN_RATE
from streams.audio import Clip, DecodeLimits, SourceFormat
from streams.audio.decode import decode as decode_audio
from streams.audio.resample import to_known_rate
from streams.clients.errors import AudioNotFetchedError
from streams.clients.track_parts import Gap, Segment

#: Inputs have half as much at most; Opus decodes some rates at a higher one.
_LIMITS = DecodeLimits(max_pcm_bytes=2 * DecodeLimits().max_pcm_bytes)

#: No input is longer: what is 64 MiB as samples, at the lowest rate.
_LONGEST_SEGMENT_MS = DecodeLimits().max_frames(1) * 1000 // MIN_RATE

#: Returns the file of a segment.
AudioOf = Callable[[Segment], bytes]
#: Decodes a file with the media type that its result has.
Decode = Callable[[bytes, MediaType], Clip | Rejection]


class AudioFormat(NamedTuple):
    """Sampling rate in Hz, and number of channels."""

    rate: int
    channels: int


class Piece(NamedTuple):
    """The audio of a part of a track.

    Attributes:
        part: The part.
        audio: Its audio; for a gap, and for a segment that is not intact or cannot be decoded, the length of silence in
            milliseconds.
        problem: Why a segment is silence.
    """

    part: Segment | Gap
    audio: Clip | int
    problem: str | None = None


def decode_file(audio: bytes, media_type: MediaType) -> Clip | Rejection:
    """Decode the file of a result in this process."""
    return decode_audio(audio, media_type, _LIMITS)


def audio_format(parts: Sequence[Segment | Gap], audio_of: AudioOf, decode: Decode = decode_file) -> AudioFormat:
    """The format of a track: the highest rate and the most channels of its segments, as they are decoded.

    Args:
        parts: The parts of the track.
        audio_of: Returns the file of a segment.
        decode: Decodes a file.
    """
    segments = [one for one in parts if isinstance(one, Segment) and one.intact]
    formats: set[AudioFormat] = set()
    seen: set[tuple[int, int, str]] = set()
    for one in segments:
        announced = (one.result.sample_rate, one.result.audio_channels, one.result.codec)
        if announced in seen:  # a codec decodes equal formats to equal formats
            continue
        clip = decode_segment(one, audio_of(one), decode)
        if isinstance(clip, Clip):
            seen.add(announced)
            formats.add(AudioFormat(clip.rate, clip.channels))
    if not formats:  # all is silence
        return AudioFormat(MIN_RATE, 1)
    return AudioFormat(max(one.rate for one in formats), max(one.channels for one in formats))


def pieces(parts: Sequence[Segment | Gap], audio_of: AudioOf, decode: Decode = decode_file) -> Iterator[Piece]:
    """Decode the parts of a track one by one, in order.

    Args:
        parts: The parts.
        audio_of: Returns the file of a segment.
        decode: Decodes a file.
    """
    for part in parts:
        if isinstance(part, Gap):
            yield Piece(part, part.duration_ms)
            continue
        clip = decode_segment(part, audio_of(part) if part.intact else b"", decode)
        if isinstance(clip, Clip):
            yield Piece(part, clip)
        else:
            length_ms = part.result.duration_ms
            yield Piece(part, length_ms if length_ms <= _LONGEST_SEGMENT_MS else 0, clip.message)


def decode_segment(segment: Segment, audio: bytes, decode: Decode = decode_file) -> Clip | Rejection:
    """Decode the file of a segment.

    Returns:
        The audio, or why it cannot be used.
    """
    if segment.problem is not None:
        return Rejection("contract", "DigestMismatch", "value", segment.problem)
    media_type = MediaType.parse(segment.result.content_type)
    return media_type if isinstance(media_type, Rejection) else decode(audio, media_type)


def in_format(piece: Piece, form: AudioFormat) -> tuple[NDArray[np.int16] | int, str | None]:
    """The samples of a piece in the format of its track.

    A lower rate is resampled, and a mono piece is heard on both sides of a stereo track.

    Returns:
        Samples of shape (frames, channels), or the frames of silence in their place; and why it is silence.
    """
    clip = piece.audio
    if isinstance(clip, int):
        return _silent_frames(clip, form.rate), piece.problem
    if clip.rate > form.rate or clip.channels > form.channels:
        return _silent_frames(clip.duration_ms, form.rate), "has another rate or more channels than its headers say"
    samples = to_known_rate(clip, (form.rate,))[0]
    return (samples if clip.channels == form.channels else np.repeat(samples, 2, axis=1)), None


def join(parts: Sequence[Segment | Gap]) -> Clip:
    """Join the segments of a track that has their files, without any sample added or lost between them.

    Segments with a lower rate or fewer channels than others are converted. Missing segments, and those that cannot be
    used, become silence of their length. All is held in memory.

    Raises:
        AudioNotFetchedError: If a segment's file lies in an object store, and was not fetched.
    """
    form = audio_format(parts, _own_audio)
    joined: list[NDArray[np.int16]] = []
    for piece in pieces(parts, _own_audio):
        samples, _ = in_format(piece, form)
        joined.append(np.zeros((samples, form.channels), np.int16) if isinstance(samples, int) else samples)
    return Clip.of(np.concatenate(joined), form.rate, SourceFormat("raw", "pcm"))


def _silent_frames(length_ms: int, rate: int) -> int:
    """Sample frames of silence of a length in milliseconds, at a rate in Hz."""
    return round(length_ms * rate / 1000)


def _own_audio(segment: Segment) -> bytes:
    result = segment.result
    if result.data_ref is not None:
        raise AudioNotFetchedError(
            f"the file of {result.compressed_bytes} bytes at {result.data_ref} was not fetched; fetch it, or raise the"
            " consumer's fetch_limit"
        )
    return result.audio
