"""The sub-command `http` of scripts/bench."""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from scripts.benchmarks.http.measure import ROWS, measure
from scripts.benchmarks.http.open_loop import Row
from scripts.benchmarks.machine import environment
from scripts.benchmarks.runs_command import run_in_directory, say_bench, write_json
from scripts.benchmarks.streaming.kafka import running_cluster
from scripts.cli import count, progress_bar, writable
from scripts.tables import ReportTable, report_console


def add_http(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--seconds", type=count, default=10, metavar="S", help="of each row (default: %(default)s)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="number of brokers (default: 1)")
    parser.set_defaults(run=_http)


def _http(options: argparse.Namespace) -> int:
    return run_in_directory(partial(_measure, options))


def _measure(options: argparse.Namespace, directory: Path) -> None:
    with running_cluster(directory / "kafka", options.brokers, say_bench) as servers, progress_bar() as progress:
        bar = progress.add_task("routes", total=ROWS)
        rows = asyncio.run(measure(servers, directory, options.seconds, lambda: progress.advance(bar)))
    found = {"rows": [asdict(row) for row in rows], "seconds": options.seconds, "brokers": options.brokers}
    write_json(options.json, {**found, **environment(("aiokafka", "starlette", "uvicorn"))})
    report_console().print(
        _table(rows),
        f"Requests at a fixed rate, for {options.seconds} s each, with the broker and the bench on this machine. "
        "A time counts from when a request was due.",
    )


def _table(rows: Sequence[Row]) -> ReportTable:
    table = ReportTable("route", title="The HTTP API")
    for name in ("rate", "p50_ms", "p95_ms", "p99_ms", "errors", "cpu_ms"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    return table
