"""Exports calls: their audio, and a manifest beside it."""

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from scripts.cli import CommandError, progress_bar, say
from scripts.commands._manifests import length
from scripts.commands._names import call_directory
from scripts.commands._segment_files import replaced, write_segments
from scripts.commands._spool import Spool
from streams.clients.calls import Call
from streams.clients.manifests import manifest_of

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
        return manifest_of(call, write_segments(call, directory, spool.audio, advance))
    from scripts.commands._call_files import AudioWriter  # noqa: PLC0415 - the decoders, which as-is does without

    writer = AudioWriter(spool.audio, advance, options.format)
    if not options.stereo:
        return manifest_of(call, writer.tracks(call.tracks, directory))
    written, obstacle = writer.stereo(call, directory)
    if obstacle is not None:
        say("calls", f"{directory}: not as one stereo file: {obstacle}")
    return manifest_of(call, written)
