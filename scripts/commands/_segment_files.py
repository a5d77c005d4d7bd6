"""Writes the segments of a call as they are, and says where each part of a call is. It needs no audio libraries."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.commands._names import segment_name
from streams.clients.calls import Call, Track
from streams.clients.manifests import PlacedPart, WrittenTrack
from streams.clients.track_parts import Gap, Segment


def write_segments(
    call: Call, directory: Path, audio_of: Callable[[Segment], bytes], advance: Callable[[], None]
) -> list[WrittenTrack]:
    """Write every intact segment of a call as it is.

    Args:
        call: The call.
        directory: Its directory.
        audio_of: Returns the file of a segment.
        advance: Called after each segment.
    """

    def placed(track: Track, part: Segment | Gap) -> PlacedPart:
        if isinstance(part, Gap):
            return PlacedPart(part, None)
        advance()
        if not part.intact:
            return PlacedPart(part, None, problem=part.problem)
        name = segment_name(part.result, track.name)
        with replaced(directory / name) as path:
            path.write_bytes(audio_of(part))
        return PlacedPart(part, name)

    return [WrittenTrack(track, [placed(track, part) for part in track.parts]) for track in call.tracks]


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """A file beside a path, which replaces the file at that path when it is complete."""
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        yield unfinished
        os.replace(unfinished, path)  # noqa: PTH105 - over a link too, without following it
    finally:
        unfinished.unlink(missing_ok=True)
