"""The sub-command `live` of scripts/bench."""

import argparse
from functools import partial
from pathlib import Path

from scripts.benchmarks import corpus
from scripts.benchmarks.machine import environment
from scripts.benchmarks.runs_command import run_in_directory, say_bench, watched, write_json
from scripts.benchmarks.streaming import beside_recordings, latency
from scripts.benchmarks.streaming.beside_recordings import Row
from scripts.benchmarks.streaming.kafka import PARTITIONS, running_cluster
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.report import LIBRARIES
from scripts.benchmarks.streaming.speech import DEFAULT, segments
from scripts.benchmarks.streaming.trial import Setup
from scripts.cli import count, writable
from scripts.tables import ReportTable, report_console

_MIB = 2**20


def add_live(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--seconds", type=count, default=40, metavar="N", help="of sending (default: %(default)s)")
    parser.add_argument("--rate", type=count, default=25, metavar="N", help="live segments per second (%(default)s)")
    parser.add_argument("--recordings", type=count, default=10, metavar="N", help="sent at once (default: %(default)s)")
    parser.add_argument("--hours", type=float, default=1.0, metavar="N", help="length of each (default: %(default)s)")
    parser.set_defaults(run=_live)


def _live(options: argparse.Namespace) -> int:
    return run_in_directory(partial(_measure, options))


def _measure(options: argparse.Namespace, directory: Path) -> None:
    with watched(2) as progress, running_cluster(directory / "kafka", 1, say_bench) as servers:
        found = corpus.load(corpus.CACHE, say_bench)
        said = segments(found, latency.SEGMENT_S, latency.SEGMENTS)
        traffic = Traffic(said, DEFAULT, latency.CALLS, PARTITIONS)
        row = beside_recordings.measure(
            Setup(servers, 1, directory, progress),
            traffic,
            rate=options.rate,
            seconds=options.seconds,
            recordings=options.recordings,
            hours=options.hours,
        )
    write_json(options.json, {"rows": [row.as_json()], **environment(LIBRARIES)})
    report_console().print(_table(row), f"{found.origin}. Waits: as in the bench of latency.")


def _table(row: Row) -> ReportTable:
    table = ReportTable(title=f"{row.rate:g} live segments/s, {row.recordings} recordings of {row.hours:g} h")
    for heading in ("", "p50 ms", "p95", "p99", "max"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, waits in (("without recordings", row.alone), ("with recordings", row.beside)):
        values = (waits.p50_ms, waits.p95_ms, waits.p99_ms, waits.max_ms)
        table.add_row(name, *(f"{value:.0f}" for value in values))
    table.add_row("p95 with over without", "", f"{row.ratio:.2f}", "", "")
    table.add_row("recordings' seconds per second", f"{row.speed:.0f}", "", "", "")
    table.add_row("peak memory of the worker, MiB", f"{row.peak_bytes / _MIB:.0f}", "", "", "")
    table.add_row("with its decoders, MiB", f"{row.peak_family_bytes / _MIB:.0f}", "", "", "")
    return table
