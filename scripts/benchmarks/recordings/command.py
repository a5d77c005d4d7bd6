"""The sub-command `recordings` of scripts/bench."""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from rich.table import Table

from infra.debian import UnavailableError
from scripts.benchmarks import corpus
from scripts.benchmarks.machine import environment
from scripts.benchmarks.recordings import measure
from scripts.benchmarks.recordings.measure import Row
from scripts.cli import count, fail, progress_bar, say, writable
from scripts.tables import report_console

_LEVELS = (1, 2, 3, 4, 5)


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    parser.add_argument(
        "--hours", type=float, action="append", metavar="H", help="length; may be repeated (default: 1 and 10)"
    )
    parser.add_argument("--level", type=int, choices=_LEVELS, default=3, help="(default: %(default)s)")
    parser.add_argument("--threads", type=count, default=os.cpu_count(), metavar="N", help="(default: all cores)")
    parser.add_argument("--rounds", type=count, default=1, metavar="N", help="of each (default: %(default)s)")
    parser.set_defaults(run=_recordings)


def _recordings(options: argparse.Namespace) -> int:
    try:
        found = corpus.load(corpus.CACHE, partial(say, "bench"))
    except UnavailableError as error:
        return fail("bench", str(error))
    speech = [clip for _, clip in found.speech]
    lengths = options.hours or [1.0, 10.0]
    with progress_bar() as progress:
        bar = progress.add_task("recordings", total=2 * options.rounds * len(lengths))
        chosen = {"level": options.level, "threads": options.threads, "rounds": options.rounds}
        rows = [measure.measure(speech, hours, lambda: progress.advance(bar), **chosen) for hours in lengths]
    if options.json is not None:
        figures = {"threads": options.threads, "rows": [asdict(row) | {"clock": row.clock} for row in rows]}
        options.json.write_text(json.dumps(figures | environment(("av", "soundfile", "numpy")), indent=2) + "\n")
    report_console().print(
        _table(rows),
        f"{found.origin}, one after the other, as WAV of 8 kHz; level {options.level}, {options.threads} threads. The "
        "codec alone: libopus at 12 kbit/s or libFLAC on samples in memory, evenly in as many threads. Memory: "
        "of the worker, and of it and its decoders together.",
    )
    return 0


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="Recordings", title_justify="left")
    for name in (
        "hours",
        "clock, s",
        "codec alone, s",
        "over it",
        "cores, s",
        "codec alone, s",
        "worker, MB",
        "all, MB",
        "ratio",
    ):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            f"{row.hours:g}",
            f"{row.seconds:.1f}",
            f"{row.bare_seconds:.1f}",
            f"{row.clock:.2f}",
            f"{row.cpu_seconds:.1f}",
            f"{row.bare_cpu_seconds:.1f}",
            f"{row.worker_mb:.0f}",
            f"{row.peak_mb:.0f}",
            f"{row.ratio:.1f}",
        )
    return table
