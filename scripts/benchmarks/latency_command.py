"""The sub-command `latency` of scripts/bench."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from scripts.benchmarks.streaming import latency, latency_report
from scripts.benchmarks.streaming.kafka import PARTITIONS, running_cluster
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.speech import DEFAULT, LEVELS, Segment, segments
from scripts.benchmarks.streaming.systems import OURS
from scripts.benchmarks.streaming.trial import Setup
from scripts.cli import count, writable
from scripts.tables import report_console

_SYSTEMS = (OURS, latency.PEER)
_MOST_LOAD = 1000  # percent


@dataclass(frozen=True, slots=True)
class _Selection:
    """What to measure: every combination of these."""

    brokers: Sequence[int]
    levels: Sequence[str]
    loads: Sequence[float]
    systems: Sequence[str]
    seconds: int


def add_latency(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write every row there as well")
    parser.add_argument("--seconds", type=count, default=30, metavar="N", help="at each load (default: %(default)s)")
    loads = tuple(100 * load for load in latency.LOADS)
    add_list(parser, "--loads", list_of(_percent), loads, "percent of our worker's capacity")
    add_list(parser, "--brokers", one_of((1, 3)), (1, 3), "1, 3 or both")
    add_list(parser, "--levels", one_of(tuple(LEVELS)), (DEFAULT,), "names of levels")
    add_list(parser, "--systems", one_of(_SYSTEMS), _SYSTEMS, "loads are shares of the first one's capacity")
    parser.set_defaults(run=_latency)


def _latency(options: argparse.Namespace) -> int:
    loads = [load / 100 for load in options.loads]
    wanted = _Selection(options.brokers, options.levels, loads, options.systems, options.seconds)
    return run_in_directory(partial(_measure, wanted, options.json))


def _measure(wanted: _Selection, file: Path | None, directory: Path) -> None:
    rows: list[latency.Row] = []
    settings = len(wanted.brokers) * len(wanted.levels)
    with watched(settings * latency.steps(wanted.systems, wanted.loads)) as progress:
        found = corpus.load(corpus.CACHE, say_bench)
        said = segments(found, latency.SEGMENT_S, latency.SEGMENTS)
        for brokers in wanted.brokers:
            with running_cluster(directory / f"kafka-{brokers}", brokers, say_bench) as servers:
                for row in _rows(wanted, said, Setup(servers, brokers, directory, progress)):
                    rows.append(row)
                    say_bench(f"{row.system} at {row.load:.0%}: p95 {row.waits.p95_ms:.0f} ms")
                    write_json(file, latency_report.as_json(rows))
    report_console().print(
        *latency_report.tables(rows),
        f"{found.origin}. {latency.CALLS} calls in segments of {latency.SEGMENT_S:g} s. Waits: from the time a record "
        "is due until a read_committed consumer has its result. Load: share of our capacity; rates are the same for "
        "all. Done: results per second while records are sent; kept: done over the rate or the capacity, whichever is "
        "less. Growth: wait of the last records over the time that the backlog takes; more than 1: slower than before.",
    )


def _rows(wanted: _Selection, said: Sequence[Segment], setup: Setup) -> Iterator[latency.Row]:
    for level in wanted.levels:
        traffic = Traffic(said, level, latency.CALLS, PARTITIONS)
        yield from latency.measure(setup, traffic, systems=wanted.systems, loads=wanted.loads, seconds=wanted.seconds)


def _percent(text: str) -> float:
    value = float(text)
    if not 0 < value <= _MOST_LOAD:
        raise argparse.ArgumentTypeError(f"{text} is not a percentage above 0, up to {_MOST_LOAD}")
    return value
