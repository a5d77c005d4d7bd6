"""Writes the audio of one call: a file for each track, or both sides as one stereo file."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, starmap, zip_longest
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from scripts.cli import CommandError, counted
from scripts.commands._segment_files import replaced
from streams.audio import Clip, SourceFormat
from streams.audio.resample import to_known_rate
from streams.clients.calls import Call, Track
from streams.clients.joining import AudioFormat, AudioOf, audio_format, in_format, pieces
from streams.clients.manifests import PlacedPart, WrittenTrack
from streams.clients.track_parts import LONGEST_GAP_MS, Segment

_Samples = NDArray[np.int16]
_BLOCK_FRAMES = 65_536
_SYSTEM_ERROR = 2  # libsndfile does not say which one
_PCM = SourceFormat("raw", "pcm")
_SIDES = ("guest", "agent")  # left and right


@dataclass(frozen=True, slots=True)
class AudioWriter:
    """Writes the audio of calls.

    Attributes:
        audio_of: Returns the file of a segment.
        advance: Called after each segment.
        suffix: ``wav`` or ``flac``.
    """

    audio_of: AudioOf
    advance: Callable[[], None]
    suffix: str = "wav"

    def tracks(self, tracks: Iterable[Track], directory: Path) -> list[WrittenTrack]:
        """Write each track as one file, whose samples are those of its segments in a row."""
        written = []
        for track in tracks:
            form = audio_format(track.parts, self.audio_of)
            whole = WrittenTrack(track, form=form)
            name = f"{track.name}.{self.suffix}"
            _write(directory / name, form, self._samples(whole, name, form))
            written.append(whole)
        return written

    def stereo(self, call: Call, directory: Path) -> tuple[list[WrittenTrack], str | None]:
        """Write the two sides of a call as one file, on one clock: by ``ce_time`` of their first segments.

        Returns:
            What was written, and None; or a file for each track, and why the sides cannot be in one.
        """
        sides = _sides(call)
        if isinstance(sides, str):
            return self.tracks(call.tracks, directory), sides
        forms = [audio_format(track.parts, self.audio_of) for track in sides]
        if any(form.channels != 1 for form in forms):
            return self.tracks(call.tracks, directory), "a side is stereo itself"
        form = AudioFormat(max(one.rate for one in forms), 2)
        name = f"stereo.{self.suffix}"
        begins_ms = _begins_ms(sides)
        written = [
            WrittenTrack(track, form=form, side=side) for track, side in zip(sides, ("left", "right"), strict=True)
        ]
        streams = [
            self._side(whole, name, own, begin * form.rate // 1000)
            for whole, own, begin in zip(written, forms, begins_ms, strict=True)
        ]
        _write(directory / name, form, starmap(_interleaved, zip_longest(*map(_blocks, streams))))
        others = [track for track in call.tracks if track not in sides]
        return [*written, *self.tracks(others, directory)], None

    def _side(self, whole: WrittenTrack, name: str, own: AudioFormat, start: int) -> Iterator[_Samples]:
        """One side of a stereo file, after silence until it begins."""
        rate = own.rate if whole.form is None else whole.form[0]
        yield from _silence(start, 1)
        if own.rate == rate:
            yield from self._samples(whole, name, own, start)
            return
        # The resampler's filter goes over the seams of segments: the side is resampled as a whole.
        placed = WrittenTrack(whole.track)
        samples = np.concatenate(list(self._samples(placed, name, own)))
        yield to_known_rate(Clip.of(samples, own.rate, _PCM), (rate,))[0]
        whole.parts.extend(_at_rate(part, start, rate / own.rate) for part in placed.parts)

    def _samples(self, whole: WrittenTrack, name: str, form: AudioFormat, frame: int = 0) -> Iterator[_Samples]:
        """The samples of a track, part by part; notes where each part lies in the file."""
        for piece in pieces(whole.track.parts, self.audio_of):
            fitted, problem = in_format(piece, form)
            frames = fitted if isinstance(fitted, int) else len(fitted)
            whole.parts.append(PlacedPart(piece.part, name, frame, frames, problem))
            frame += frames
            if isinstance(fitted, int):
                yield from _silence(fitted, form.channels)
            else:
                yield fitted
            if isinstance(piece.part, Segment):
                self.advance()


def _silence(frames: int, channels: int) -> Iterator[_Samples]:
    for at in range(0, frames, _BLOCK_FRAMES):
        yield np.zeros((min(_BLOCK_FRAMES, frames - at), channels), np.int16)


def _at_rate(part: PlacedPart, start: int, factor: float) -> PlacedPart:
    begin, end = (part.frame or 0), (part.frame or 0) + (part.frames or 0)
    first, last = round(begin * factor), round(end * factor)
    return PlacedPart(part.part, part.file, start + first, last - first, part.problem)


def _sides(call: Call) -> tuple[Track, Track] | str:
    """The tracks for left and right, or why there are not two."""
    by_name = {track.name: track for track in call.tracks}
    if all(side in by_name for side in _SIDES):
        sides = (by_name[_SIDES[0]], by_name[_SIDES[1]])
    elif len(call.tracks) == len(_SIDES):
        sides = (call.tracks[0], call.tracks[1])
    else:
        return f"it has {counted(len(by_name), 'channel')} ({', '.join(by_name)}) and not two"
    begins = [track.begin for track in sides]
    if None in begins:
        return "its sides have no times"
    return sides if max(_begins_ms(sides)) <= LONGEST_GAP_MS else "its sides began more than 12 h apart"


def _begins_ms(sides: tuple[Track, Track]) -> list[int]:
    """Milliseconds from the begin of the first side to the begin of each."""
    begins = [track.begin.timestamp() for track in sides if track.begin is not None]
    return [round((begin - min(begins)) * 1000) for begin in begins]


def _blocks(parts: Iterator[_Samples]) -> Iterator[_Samples]:
    """The same samples in blocks of one size; the last one may be shorter."""
    kept: list[_Samples] = []
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


def _interleaved(left: _Samples | None, right: _Samples | None) -> _Samples:
    """Two blocks of one channel as one of two; the shorter one ends in silence."""
    sides = [np.zeros((0, 1), np.int16) if side is None else side for side in (left, right)]
    frames = max(map(len, sides))
    return np.hstack([np.pad(side, ((0, frames - len(side)), (0, 0))) for side in sides])


def _write(path: Path, form: AudioFormat, blocks: Iterator[_Samples]) -> None:
    """Write samples into a file; without any, one frame of silence, as a FLAC file without a sample is none."""
    blocks = (block for block in blocks if len(block))
    first = next(blocks, np.zeros((1, form.channels), np.int16))
    kind = path.suffix[1:].upper()
    try:
        with (
            replaced(path) as unfinished,
            soundfile.SoundFile(unfinished, "w", form.rate, form.channels, subtype="PCM_16", format=kind) as file,
        ):
            for block in chain([first], blocks):
                file.write(block)
    except soundfile.LibsndfileError as error:
        reason = "is the disk full?" if error.code == _SYSTEM_ERROR else error
        raise CommandError(f"{path} cannot be written: {reason}") from error
