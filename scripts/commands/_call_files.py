"""Writes the audio of one call: a file for each track, or both sides as one stereo file."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import soundfile

from scripts.cli import CommandError
from scripts.commands._segment_files import replaced
from streams.clients.call_audio import AudioStream, CallAudio, write_audio
from streams.clients.calls import Call, Track
from streams.clients.joining import AudioOf
from streams.clients.manifests import WrittenTrack

_SYSTEM_ERROR = 2  # libsndfile does not say which one


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
        written: list[WrittenTrack] = []
        for track in tracks:
            name = f"{track.name}.{self.suffix}"
            stream = self._audio.of_track(track, name)
            _write(directory / name, stream)
            written += stream.written
        return written

    def stereo(self, call: Call, directory: Path) -> tuple[list[WrittenTrack], str | None]:
        """Write the two sides of a call as one file, on one clock: by ``ce_time`` of their first segments.

        Returns:
            What was written, and None; or a file for each track, and why the sides cannot be in one.
        """
        name = f"stereo.{self.suffix}"
        stream = self._audio.of_sides(call, name)
        if isinstance(stream, str):
            return self.tracks(call.tracks, directory), stream
        _write(directory / name, stream)
        sides = [one.track for one in stream.written]
        others = [track for track in call.tracks if track not in sides]
        return [*stream.written, *self.tracks(others, directory)], None

    @property
    def _audio(self) -> CallAudio:
        return CallAudio(self.audio_of, self.advance)


def _write(path: Path, stream: AudioStream) -> None:
    try:
        with replaced(path) as unfinished:
            write_audio(unfinished, stream, path.suffix[1:])
    except soundfile.LibsndfileError as error:
        reason = "is the disk full?" if error.code == _SYSTEM_ERROR else error
        raise CommandError(f"{path} cannot be written: {reason}") from error
