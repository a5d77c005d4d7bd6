"""Exports calls: their audio, and a manifest beside it."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts.cli import CommandError, progress_bar, say
from scripts.commands._manifests import gap_data, length, segment_data, summary, track_data
from scripts.commands._names import call_directory
from scripts.commands._segment_files import PlacedPart, WrittenTrack, replaced, write_segments
from scripts.commands._spool import Spool
from streams.clients.calls import Call
from streams.clients.track_parts import Gap

_MANIFEST = "manifest.json"


def export(calls: Iterator[Call], total: int, spool: Spool, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Write the files of each call and its manifest, and yield the manifest.

    Args:
        calls: The calls.
        total: Number of their segments, for the progress bar.
        spool: Has the segments' files.
        options: Of the command line: ``out``, ``format`` and ``stereo``.

    Raises:
        CommandError: If a file cannot be written.
    """
    with progress_bar() as progress:
        bar = progress.add_task("segments", total=total)
        for call in calls:
            directory = call_directory(options.out, call.hotel_id, call.call_id)
            try:
                directory.mkdir(parents=True, exist_ok=True)
                manifest = _written(call, directory, spool, options, lambda: progress.advance(bar))
                with replaced(directory / _MANIFEST) as path:
                    path.write_text(json.dumps(manifest, indent=2) + "\n")
            except OSError as error:
                raise CommandError(f"{directory}: {error.strerror or error}") from error
            yield manifest | {"directory": str(directory)}


def line(manifest: dict[str, Any]) -> str:
    """An exported call as one line."""
    files = manifest["files"]
    what = ", ".join(files) if len(files) <= 4 else f"{len(files)} files"  # noqa: PLR2004 - what fits into a line
    state = "complete" if manifest["complete"] else f"incomplete: {'; '.join(manifest['problems'])}"
    return f"{manifest['directory']}: {length(manifest['durationMs'])}, {what}, {state}"


def _written(
    call: Call, directory: Path, spool: Spool, options: argparse.Namespace, advance: Callable[[], None]
) -> dict[str, Any]:
    if options.format == "as-is":
        return _manifest(call, write_segments(call, directory, spool.audio, advance))
    from scripts.commands._call_files import AudioWriter  # noqa: PLC0415 - the decoders, which as-is does without

    writer = AudioWriter(spool.audio, advance, options.format)
    if not options.stereo:
        return _manifest(call, writer.tracks(call.tracks, directory))
    written, obstacle = writer.stereo(call, directory)
    if obstacle is not None:
        say("calls", f"{directory}: not as one stereo file: {obstacle}")
    return _manifest(call, written)


def _manifest(call: Call, written: list[WrittenTrack]) -> dict[str, Any]:
    silent = [
        f"{one.track.name}: segment {part.part.result.sequence} is silence: {part.problem}"
        for one in written
        for part in one.parts
        if not isinstance(part.part, Gap) and part.part.intact and part.problem is not None
    ]
    told = summary(call)
    return told | {
        "complete": told["complete"] and not silent,
        "problems": told["problems"] + silent,
        "files": sorted({part.file for one in written for part in one.parts if part.file is not None}),
        "tracks": [_track_data(one) for one in written],
    }


def _track_data(written: WrittenTrack) -> dict[str, Any]:
    form = written.form
    rate, channels = (None, None) if form is None else form
    return track_data(written.track) | {
        "rate": rate,
        "audioChannels": channels if written.side is None else 1,
        "side": written.side,
        "gaps": [gap_data(one.part) | _place(one) for one in written.parts if isinstance(one.part, Gap)],
        "segments": [segment_data(one.part) | _place(one) for one in written.parts if not isinstance(one.part, Gap)],
    }


def _place(part: PlacedPart) -> dict[str, Any]:
    return {"file": part.file, "atFrame": part.frame, "frames": part.frames, "problem": part.problem}
