"""Compresses files in parallel, and shows the savings."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from schemas import Policy
from schemas.media_type import FLAC, MPEG, OGG, WAV
from scripts.cli import CommandError, counted, fail
from scripts.commands._json import write_json
from scripts.commands._new_files import write_new
from scripts.recordings.compressing import CompressedFile, Source, compress, each
from scripts.recordings.finding import Failed, Found, Recording, find, printable
from scripts.recordings.formats import FORMATS, suffixes
from scripts.recordings.report import report_of, tell
from scripts.tables import ReportTable, report_console
from streams.compression import DEFAULT_POLICY

_OUT_SUFFIXES = {FLAC: ".flac", OGG: ".ogg", MPEG: ".mp3", WAV: ".wav"}


@dataclass(frozen=True, slots=True)
class Saved:
    """A compressed file, and where it was written; None if it was not."""

    file: CompressedFile
    path: Path | None


def compress_files(options: argparse.Namespace) -> int:
    """Compress the files of the command line; returns the exit code, 1 if any file failed."""
    found = find(options.paths, options.suffix)
    try:
        outcomes = _run(_once_each(found), options)
        saved = [outcome for outcome in outcomes if isinstance(outcome, Saved)]
        failures = [*found.failures, *(outcome for outcome in outcomes if isinstance(outcome, Failed))]
        if saved and options.json != "-":
            report_console().print(_table([one.file for one in saved]))
        if options.json is not None:
            write_json(options.json, report_of(_as_json(saved), found.left_out, failures))
    except CommandError as error:
        return fail("compress", str(error))
    except KeyboardInterrupt:
        return 130
    code = tell("compress", found.left_out, failures)
    if not saved and not failures:
        return fail("compress", f"no audio in {', '.join(map(printable, options.paths))}; names end in {suffixes()}")
    return code


def _once_each(found: Found) -> list[Recording]:
    """The recordings without those that are named twice."""
    return list({recording.path.resolve(): recording for recording in reversed(found.recordings)}.values())[::-1]


def _run(recordings: Sequence[Recording], options: argparse.Namespace) -> list[Saved | Failed]:
    level = None if options.level == "auto" else int(options.level)
    policy = DEFAULT_POLICY if options.format is None else Policy(version=1, accept=(FORMATS[options.format],))
    out = None if options.dry_run else options.out
    names = _out_names(recordings)

    def work(source: Source) -> Saved | Failed:
        file = compress(source, policy, level)
        return Saved(file, None) if out is None else _written(file, out / names[source.recording])

    return each(recordings, work) if recordings else []


def _out_names(recordings: Sequence[Recording]) -> dict[Recording, Path]:
    """Unique names without the new suffix: a.wav becomes a, or stays a.wav beside a.mp3."""
    stems = Counter(recording.name.with_suffix("") for recording in recordings)
    wholes = Counter(recording.name for recording in recordings)
    names: dict[Recording, Path] = {}
    for number, recording in enumerate(recordings, start=1):
        name = recording.name
        if stems[name.with_suffix("")] == 1:
            names[recording] = name.with_suffix("")
        elif wholes[name] == 1:
            names[recording] = name
        else:  # files of the same name, from several folders
            names[recording] = name.with_name(f"{name.name}-{number}")
    return names


def _written(file: CompressedFile, stem: Path) -> Saved | Failed:
    """Write a result; existing files are never replaced."""
    encoded = file.encoded
    path = stem.with_name(stem.name + _OUT_SUFFIXES[encoded.content_type.partition(";")[0]])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not write_new(path, encoded.audio):
            problem = f"{printable(path)} is there already and differs; choose another --out"
            return Failed(file.recording.path, problem)
    except OSError as error:
        return Failed(file.recording.path, f"{printable(path)}: {error.strerror}")
    return Saved(file, path)


def _as_json(saved: Sequence[Saved]) -> dict[str, Any]:
    files = [one.file for one in saved]
    return {
        "files": [
            {
                "path": os.fspath(one.file.recording.path),
                "bytes": one.file.bytes_in,
                "compressed_bytes": len(one.file.encoded.audio),
                "seconds": one.file.duration_ms / 1000,
                "level": one.file.level,
                "codec": one.file.encoded.codec,
                "content_type": one.file.encoded.content_type,
                "quality": one.file.encoded.quality,
                "reason": one.file.reason,
                "written": None if one.path is None else os.fspath(one.path),
            }
            for one in saved
        ],
        "bytes": sum(file.bytes_in for file in files),
        "compressed_bytes": sum(len(file.encoded.audio) for file in files),
    }


def _table(files: Sequence[CompressedFile]) -> Table:
    table = ReportTable(show_footer=True)
    total_in = sum(file.bytes_in for file in files)
    total_out = sum(len(file.encoded.audio) for file in files)
    table.add_column("file", counted(len(files), "file"), overflow="fold")
    table.add_column("bytes", f"{total_in:,}", justify="right")
    table.add_column("compressed", f"{total_out:,}", justify="right")
    table.add_column("ratio", f"{total_in / total_out:.2f}x", justify="right")
    table.add_column("saved", f"{1 - total_out / total_in:.1%}", justify="right")
    table.add_column("level", justify="right")
    table.add_column("codec")
    table.add_column("quality", justify="right")
    table.add_column("reason")
    for file in files:
        size = len(file.encoded.audio)
        table.add_row(
            printable(file.recording.name),
            f"{file.bytes_in:,}",
            f"{size:,}",
            f"{file.bytes_in / size:.2f}x",
            f"{1 - size / file.bytes_in:.1%}",
            str(file.level),
            file.encoded.codec,
            f"{file.encoded.quality:.2f}",
            file.reason,
        )
    return table
