"""The sub-command `stream` of scripts/bench."""

import argparse
from functools import partial
from pathlib import Path

from scripts.benchmarks import corpus
from scripts.benchmarks.runs_command import (
    add_list,
    list_of,
    one_of,
    run_in_directory,
    say_bench,
    watched,
    write_json,
)
from scripts.benchmarks.streaming import report
from scripts.benchmarks.streaming.speech import LEVELS
from scripts.benchmarks.streaming.stream import Run, Selection, stream
from scripts.benchmarks.streaming.systems import CEILINGS, SYSTEMS
from scripts.cli import count, writable
from scripts.tables import report_console


def add_stream(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    systems = (*CEILINGS, *SYSTEMS)
    parser.add_argument("--json", type=writable, metavar="FILE", help="write every run there as well")
    parser.add_argument(
        "--records", type=count, metavar="N", help="in a run (default: 20000 of 2 s, of others as much audio)"
    )
    parser.add_argument("--repetitions", type=count, default=3, metavar="N", help="of each run (default: %(default)s)")
    add_list(parser, "--brokers", one_of((1, 3)), (1, 3), "1, 3 or both")
    add_list(parser, "--segments", list_of(_seconds), (2.0, 20.0), "lengths of segments in seconds")
    add_list(parser, "--levels", one_of(tuple(LEVELS)), tuple(LEVELS), "names of levels")
    add_list(parser, "--systems", one_of(systems), systems, "what to measure")
    parser.set_defaults(run=_stream)


def _stream(options: argparse.Namespace) -> int:
    wanted = Selection(
        systems=options.systems,
        levels=options.levels,
        segments_s=options.segments,
        brokers=options.brokers,
        records=options.records,
        repetitions=options.repetitions,
    )
    return run_in_directory(partial(_measure, wanted, options.json))


def _measure(wanted: Selection, file: Path | None, directory: Path) -> None:
    runs: list[Run] = []
    with watched(wanted.total) as progress:
        found = corpus.load(corpus.CACHE, say_bench)
        for run in stream(wanted, found, directory, progress):
            runs.append(run)
            say_bench(f"{run.system}, {run.level}, {run.segment_s:g} s: {run.cpu_s:.2f} s of CPU, {run.wall_s:.2f} s")
            write_json(file, report.as_json(runs))
    report_console().print(
        *report.tables(runs),
        f"{found.origin}. CPU: user and system, all threads and children, from when all records become visible to the "
        "last result; every file is the same for all systems. Codec share and ratios: of the minima.",
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.02 <= value <= 60:  # noqa: PLR2004  a frame of telephony, a minute
        raise argparse.ArgumentTypeError(f"{text} is not between 0.02 and 60 seconds")
    return value
