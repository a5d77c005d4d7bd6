"""Joins the segments of a track to one piece of audio. It needs the audio libraries, which the extra ``worker`` has."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from schemas import MediaType, Rejection
from streams.audio import Clip, DecodeLimits, SourceFormat, decode
from streams.clients.calls import Gap, Segment, Track
from streams.clients.errors import JoinError

#: Inputs have half as much at most; Opus decodes some rates at a higher one.
_LIMITS = DecodeLimits(max_pcm_bytes=2 * DecodeLimits().max_pcm_bytes)

#: Returns the file of a segment.
AudioOf = Callable[[Segment], bytes]


class AudioFormat(NamedTuple):
    """Sampling rate in Hz, and number of channels."""

    rate: int
    channels: int


class Piece(NamedTuple):
    """The audio of a part of a track.

    Attributes:
        part: The part.
        clip: Its audio; silence for a gap, and for a segment that is not intact or cannot be decoded.
        problem: Why a segment is silence.
    """

    part: Segment | Gap
    clip: Clip
    problem: str | None = None


def audio_format(track: Track, audio_of: AudioOf) -> AudioFormat:
    """The format of a track: the highest rate and the most channels of its segments, as they are decoded.

    Args:
        track: The track.
        audio_of: Returns the file of a segment.
    """
    segments = [one for one in track.segments if one.intact]
    formats: set[AudioFormat] = set()
    seen: set[tuple[int, int, str]] = set()
    for one in segments:
        announced = (one.result.sample_rate, one.result.audio_channels, one.result.codec)
        if announced in seen:  # a codec decodes equal formats to equal formats
            continue
        clip = decode_segment(one, audio_of(one))
        if isinstance(clip, Clip):
            seen.add(announced)
            formats.add(AudioFormat(clip.rate, clip.channels))
    if not formats:
        first = track.segments[0].result
        return AudioFormat(first.sample_rate, first.audio_channels)
    return AudioFormat(max(one.rate for one in formats), max(one.channels for one in formats))


def pieces(track: Track, audio_of: AudioOf, silent: AudioFormat) -> Iterator[Piece]:
    """Decode the parts of a track one by one, in order.

    Args:
        track: The track.
        audio_of: Returns the file of a segment.
        silent: The format of silence.
    """
    for part in track.parts:
        if isinstance(part, Gap):
            yield Piece(part, _silence(part.duration_ms, silent))
            continue
        clip = decode_segment(part, audio_of(part))
        if isinstance(clip, Clip):
            yield Piece(part, clip)
        else:
            yield Piece(part, _silence(part.result.duration_ms, silent), clip.message)


def decode_segment(segment: Segment, audio: bytes) -> Clip | Rejection:
    """Decode the file of a segment.

    Returns:
        The audio, or why it cannot be used.
    """
    if not segment.intact:
        return Rejection("contract", "DigestMismatch", "value", "is not the file that ce_sha256 describes")
    media_type = MediaType.parse(segment.result.content_type)
    return media_type if isinstance(media_type, Rejection) else decode(audio, media_type, _LIMITS)


def join(track: Track) -> Clip:
    """Join the segments of a track that has their files, without any sample added or lost between them.

    Missing segments, and those that cannot be used, become silence of their length. All is held in memory.

    Raises:
        JoinError: If the segments differ in sampling rate or number of channels.
    """
    form = audio_format(track, _own_audio)
    clips = [piece.clip for piece in pieces(track, _own_audio, form)]
    if any((clip.rate, clip.channels) != form for clip in clips):
        raise JoinError(f"the segments of {track.name} differ in rate or channels: convert them one by one")
    samples: NDArray[np.int16] = np.concatenate([clip.samples for clip in clips])
    return Clip.of(samples, form.rate, clips[0].source)


def _own_audio(segment: Segment) -> bytes:
    return segment.result.audio


def _silence(duration_ms: int, form: AudioFormat) -> Clip:
    frames = round(duration_ms * form.rate / 1000)
    return Clip.of(np.zeros((frames, form.channels), np.int16), form.rate, SourceFormat("raw", "pcm"))
