"""The samples of calls, block by block: a track by itself, the two sides of a call, or all of it in one file.

It needs the audio libraries, which the extra ``worker`` has. Memory is that of some segments, however long a call is.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from io import RawIOBase
from itertools import chain, zip_longest
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from streams.audio.resample import resampled
from streams.clients.calls import Call, Track
from streams.clients.joining import AudioFormat, AudioOf, Decode, audio_format, decode_file, in_format, pieces
from streams.clients.manifests import PlacedPart, WrittenTrack
from streams.clients.track_parts import LONGEST_GAP_MS, Segment

#: Signed 16-bit samples, shape (frames, channels).
Samples = NDArray[np.int16]
_BLOCK_FRAMES = 65_536
_SIDES = ("guest", "agent")  # left and right
_LOUDEST = np.iinfo(np.int16)
_ENDLESS = 2**62  # frames


class AudioStream(NamedTuple):
    """Audio to be written.

    Attributes:
        form: Its rate and channels.
        blocks: Its samples, which can be read once; there may be none.
        written: The tracks; where their parts lie is known when the blocks were read.
    """

    form: AudioFormat
    blocks: Iterator[Samples]
    written: tuple[WrittenTrack, ...]


def write_audio(target: Path | RawIOBase, stream: AudioStream, container: str) -> None:
    """Write audio into a file; without any, one frame of silence, as a FLAC file without a sample is none.

    Args:
        target: The file's path, or an open file that can seek, which stays open.
        stream: The audio.
        container: ``wav``, ``flac`` or ``ogg``.

    Raises:
        soundfile.LibsndfileError: If it cannot be written.
    """
    rate, channels = stream.form
    blocks = (block for block in stream.blocks if len(block))
    first = next(blocks, np.zeros((1, channels), np.int16))
    subtype = "VORBIS" if container == "ogg" else "PCM_16"  # Opus by libsndfile takes five times as long
    with soundfile.SoundFile(
        target, "w", rate, channels, subtype=subtype, format=container.upper(), closefd=False
    ) as file:
        for block in chain([first], blocks):
            file.write(block)


class _Place(NamedTuple):
    """A track in a file of several: the channels of the file that it is heard in."""

    track: Track
    channels: tuple[int, ...]
    side: str | None = None


@dataclass(frozen=True, slots=True)
class CallAudio:
    """Makes the audio of calls.

    Attributes:
        audio_of: Returns the file of a segment.
        advance: Called after each segment.
        decode: Decodes a file.
    """

    audio_of: AudioOf
    advance: Callable[[], None] = lambda: None
    decode: Decode = decode_file

    def of_track(self, track: Track, file: str) -> AudioStream:
        """A track, whose samples are those of its segments in a row.

        Args:
            track: The track.
            file: Name of the file that it is written to.
        """
        form = self._form(track)
        whole = WrittenTrack(track, form=form)
        return AudioStream(form, self._samples(whole, file, form), (whole,))

    def of_sides(self, call: Call, file: str) -> AudioStream | str:
        """The two sides of a call, left and right on one clock: by ``ce_time`` of their first segments.

        Returns:
            The audio, or why the sides cannot be in one file.
        """
        sides = _sides(call)
        if isinstance(sides, str):
            return sides
        if None in (track.begin for track in sides):
            return "its sides have no times"
        if max(_begins_ms(sides)) > LONGEST_GAP_MS:
            return "its sides began more than 12 h apart"
        if any(self._form(track).channels != 1 for track in sides):
            return "a side is stereo itself"
        return self._together(_left_and_right(sides), 2, file)

    def of_call(self, call: Call, file: str) -> AudioStream:
        """All of a call: its one track as it is; the two sides left and right, further tracks on both; or all in mono.

        A track without a time, or that began more than 12 h after the first one, begins with it.
        """
        if len(call.tracks) == 1:
            return self.of_track(call.tracks[0], file)
        sides = _sides(call)
        if isinstance(sides, str):
            return self._together([_Place(track, (0,)) for track in call.tracks], 1, file)
        others = [_Place(track, (0, 1)) for track in call.tracks if track not in sides]
        return self._together([*_left_and_right(sides), *others], 2, file)

    def _together(self, places: Sequence[_Place], channels: int, file: str) -> AudioStream:
        forms = [self._form(one.track) for one in places]
        form = AudioFormat(max(one.rate for one in forms), channels)
        written = tuple(WrittenTrack(one.track, form=form, side=one.side) for one in places)
        streams = [
            _in_blocks(self._placed(whole, file, own, begin * form.rate // 1000))
            for whole, own, begin in zip(written, forms, _begins_ms([one.track for one in places]), strict=True)
        ]
        heard_in = [one.channels for one in places]
        return AudioStream(form, (_mixed(blocks, heard_in, channels) for blocks in zip_longest(*streams)), written)

    def _placed(self, whole: WrittenTrack, file: str, own: AudioFormat, start: int) -> Iterator[Samples]:
        """A track in mono at the file's rate, after silence until it begins."""
        rate = own.rate if whole.form is None else whole.form[0]
        yield from _silence(start, 1)
        if own.rate == rate:
            yield from map(_mono, self._samples(whole, file, own, start))
            return
        # The resampler's filter goes over the seams of segments: the track is resampled as a whole.
        placed = WrittenTrack(whole.track)
        yield from _resampled(map(_mono, self._samples(placed, file, own)), own.rate, rate)
        whole.parts.extend(_at_rate(part, start, rate / own.rate) for part in placed.parts)

    def _samples(self, whole: WrittenTrack, file: str, form: AudioFormat, frame: int = 0) -> Iterator[Samples]:
        """The samples of a track, part by part; notes where each part lies in the file."""
        for piece in pieces(whole.track.parts, self.audio_of, self.decode):
            fitted, problem = in_format(piece, form)
            frames = fitted if isinstance(fitted, int) else len(fitted)
            whole.parts.append(PlacedPart(piece.part, file, frame, frames, problem))
            frame += frames
            if isinstance(fitted, int):
                yield from _silence(fitted, form.channels)
            else:
                yield fitted
            if isinstance(piece.part, Segment):
                self.advance()

    def _form(self, track: Track) -> AudioFormat:
        return audio_format(track.parts, self.audio_of, self.decode)


def _sides(call: Call) -> tuple[Track, Track] | str:
    """The tracks for left and right, or why there are not two."""
    by_name = {track.name: track for track in call.tracks}
    if all(side in by_name for side in _SIDES):
        return by_name[_SIDES[0]], by_name[_SIDES[1]]
    if len(call.tracks) == len(_SIDES):
        return call.tracks[0], call.tracks[1]
    return f"it has {len(by_name)} {'channel' if len(by_name) == 1 else 'channels'} ({', '.join(by_name)}) and not two"


def _left_and_right(sides: tuple[Track, Track]) -> list[_Place]:
    return [_Place(sides[0], (0,), "left"), _Place(sides[1], (1,), "right")]


def _begins_ms(tracks: Sequence[Track]) -> list[int]:
    """Milliseconds from the begin of the first track to the begin of each; 0 where that says nothing."""
    begins = [None if track.begin is None else track.begin.timestamp() for track in tracks]
    first = min((one for one in begins if one is not None), default=0.0)
    return [0 if one is None else round((one - first) * 1000) for one in begins]


def _silence(frames: int, channels: int) -> Iterator[Samples]:
    for at in range(0, frames, _BLOCK_FRAMES):
        yield np.zeros((min(_BLOCK_FRAMES, frames - at), channels), np.int16)


def _mono(samples: Samples) -> Samples:
    if samples.shape[1] == 1:
        return samples
    mixed: Samples = samples.mean(axis=1, keepdims=True).round().astype(np.int16)
    return mixed


def _resampled(blocks: Iterator[Samples], rate: int, to_rate: int) -> Iterator[Samples]:
    """Resample audio whose length is known at its end alone: what is returned never exceeds what came."""
    came = returned = 0

    def counted() -> Iterator[Samples]:
        nonlocal came
        for block in blocks:
            came += len(block)
            yield block

    for piece in resampled(counted(), rate, to_rate, _ENDLESS):
        fitting = piece[: round(came * to_rate / rate) - returned]
        returned += len(fitting)
        yield fitting


def _at_rate(part: PlacedPart, start: int, factor: float) -> PlacedPart:
    begin, end = (part.frame or 0), (part.frame or 0) + (part.frames or 0)
    first, last = round(begin * factor), round(end * factor)
    return PlacedPart(part.part, part.file, start + first, last - first, part.problem)


def _in_blocks(parts: Iterator[Samples]) -> Iterator[Samples]:
    """The same samples in blocks of one size; the last one may be shorter."""
    kept: list[Samples] = []
    held = 0
    for samples in parts:
        kept.append(samples)
        held += len(samples)
        if held >= _BLOCK_FRAMES:
            joined = np.concatenate(kept)
            whole = held // _BLOCK_FRAMES * _BLOCK_FRAMES
            yield from np.split(joined[:whole], whole // _BLOCK_FRAMES)
            kept, held = [joined[whole:]], held - whole
    if held:
        yield np.concatenate(kept)


def _mixed(blocks: Sequence[Samples | None], heard_in: Sequence[tuple[int, ...]], channels: int) -> Samples:
    """Blocks of one channel added up in the channels where each is heard; a shorter one ends in silence."""
    frames = max(0 if one is None else len(one) for one in blocks)
    total = np.zeros((frames, channels), np.int32)
    for block, where in zip(blocks, heard_in, strict=True):
        if block is not None:
            total[: len(block), list(where)] += block
    return total.clip(_LOUDEST.min, _LOUDEST.max).astype(np.int16)
