"""The sub-command `transport` of scripts/bench."""

import argparse
import statistics
from dataclasses import asdict
from functools import partial
from pathlib import Path

from scripts.benchmarks.machine import environment
from scripts.benchmarks.runs_command import run_in_directory, say_bench, write_json
from scripts.benchmarks.transport.measure import WAYS, Costs, measure
from scripts.cli import count, progress_bar, writable
from scripts.tables import ReportTable, report_console


def add_transport(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--records", type=count, default=500, metavar="N", help="of a round (default: %(default)s)")
    parser.add_argument("--rounds", type=count, default=7, metavar="N", help="of each worker (default: %(default)s)")
    parser.set_defaults(run=_transport)


def _transport(options: argparse.Namespace) -> int:
    return run_in_directory(partial(_measure, options))


def _measure(options: argparse.Namespace, directory: Path) -> None:
    with progress_bar() as progress:
        bar = progress.add_task("rounds", total=len(WAYS) * (options.rounds + 1))
        costs = measure(directory, options.records, options.rounds, say_bench, lambda: progress.advance(bar))
    write_json(options.json, {**asdict(costs), "added": costs.added, **environment(("aiokafka", "faust-streaming"))})
    report_console().print(
        _table(costs),
        f"Microseconds of a worker's processor time for a record of 32 KB, lossless, in {options.rounds} rounds of "
        f"{options.records}. Added: the median of the rounds' differences.",
    )


def _table(costs: Costs) -> ReportTable:
    table = ReportTable("connection", title="What TLS and SCRAM cost a worker")
    for name in ("median", "lowest", "highest", "added"):
        table.add_column(name, justify="right")
    for way, times in zip(WAYS, (costs.clear, costs.secure), strict=True):
        figures = (statistics.median(times), min(times), max(times))
        table.add_row(way, *(f"{one:.0f}" for one in figures), f"{costs.added:.0f}" if way == WAYS[1] else "")
    return table
