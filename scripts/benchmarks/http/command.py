"""The sub-command `http` of scripts/bench."""

import argparse
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import uvloop

from scripts.benchmarks.http.first_view import PAGES, View, measure_views
from scripts.benchmarks.http.index_size import measure_index
from scripts.benchmarks.http.measure import STEPS, Figures, measure
from scripts.benchmarks.http.open_loop import Row
from scripts.benchmarks.machine import environment
from scripts.benchmarks.runs_command import run_in_directory, say_bench, write_json
from scripts.benchmarks.streaming.kafka import fresh_topics, running_cluster
from scripts.cli import Cluster, count, progress_bar, writable
from scripts.tables import ReportTable, report_console


def add_http(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the figures there as well")
    parser.add_argument(
        "--rounds", type=count, default=3, metavar="N", help="of which the median is shown (default: %(default)s)"
    )
    parser.add_argument("--seconds", type=count, default=5, metavar="S", help="of a round (default: %(default)s)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="number of brokers (default: 1)")
    parser.add_argument(
        "--processes", type=count, default=1, metavar="N", help="of the API, side by side (default: %(default)s)"
    )
    parser.add_argument(
        "--index", type=count, metavar="ROWS", help="measure an index of so many recordings instead, without brokers"
    )
    parser.add_argument(
        "--console",
        type=count,
        metavar="ROWS",
        help="measure the console's pages in Chromium instead, with so many recordings",
    )
    parser.set_defaults(run=_http)


def _http(options: argparse.Namespace) -> int:
    work = _measure_index if options.index else _measure_console if options.console else _measure
    return run_in_directory(partial(work, options))


@contextmanager
def _brokers(
    options: argparse.Namespace, directory: Path, steps: str, total: int
) -> Iterator[tuple[Cluster, Callable[[], None]]]:
    """Brokers with topics, and what moves a progress bar by a step."""
    with (
        running_cluster(directory / "kafka", options.brokers, say_bench) as servers,
        fresh_topics(servers, say_bench) as cluster,
        progress_bar() as progress,
    ):
        bar = progress.add_task(steps, total=total)
        yield cluster, lambda: progress.advance(bar)


def _measure(options: argparse.Namespace, directory: Path) -> None:
    with _brokers(options, directory, "routes", STEPS) as (cluster, done):
        figures = uvloop.run(
            measure(
                cluster,
                directory,
                processes=options.processes,
                rounds=options.rounds,
                seconds=options.seconds,
                done=done,
            )
        )
    about = {name: getattr(options, name) for name in ("processes", "seconds", "rounds", "brokers")}
    write_json(options.json, {**asdict(figures), **about, **environment(("aiokafka", "starlette", "uvicorn"))})
    report_console().print(
        _table([*figures.rows, figures.overload.row], "route", "The HTTP API"), _text(figures, options)
    )


def _measure_console(options: argparse.Namespace, directory: Path) -> None:
    with _brokers(options, directory, "pages", PAGES) as (cluster, done):
        views = uvloop.run(measure_views(cluster, directory, options.console, options.rounds, done))
    write_json(options.json, {**asdict(views), "rounds": options.rounds, **environment(("starlette", "playwright"))})
    text = (
        f"In Debian's Chromium, beside the process on this machine, with {views.recordings:,} recordings in the index;"
        f" medians of {options.rounds} rounds. Cold is a new profile of the browser. Scripts and styles of all pages"
        f" take {views.static_kb:g} kB, compressed."
    )
    report_console().print(_table(views.rows, "page", "The console"), text)


def _measure_index(options: argparse.Namespace, directory: Path) -> None:
    with progress_bar() as progress:
        bar = progress.add_task("recordings", total=options.index)
        size = measure_index(directory, options.index, lambda done: progress.update(bar, completed=done))
    write_json(options.json, {"index": asdict(size), **environment(())})
    report_console().print(
        f"{size.rows:,} recordings with their results: {size.megabytes:,} MB, written at {size.rate:,} records/s with"
        f" {size.cpu_us:g} µs of processor time each. GET by id takes {size.get_p50_us:g} µs, 99 % at most"
        f" {size.get_p99_us:g} µs; a page of a hotel {size.page_p99_ms:g} ms."
        f" The process has {size.most_mb} MB in memory."
    )


def _table(rows: Sequence[Row] | Sequence[View], first: str, title: str) -> ReportTable:
    table = ReportTable(first, title=title)
    for name in list(asdict(rows[0]))[1:]:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*(str(value) for value in asdict(row).values()))
    return table


def _text(figures: Figures, options: argparse.Namespace) -> str:
    overload, rebuild, elsewhere = figures.overload, figures.rebuild, figures.known_elsewhere
    known = (
        ""
        if elsewhere is None
        else f" Another process has what was accepted a moment ago in {elsewhere['p50_ms']:g} ms, 95 % within"
        f" {elsewhere['p95_ms']:g} ms, and knows it each time."
    )
    return (
        f"Requests at a fixed rate from 200 addresses with an API key each, {options.rounds} rounds of"
        f" {options.seconds} s, with the broker and the bench on this machine."
        f" Processes of the API: {options.processes}."
        f" A time counts from when a request was due; late_ms of it is the bench's own.\n"
        f"Twice what they can take, which is {overload.taken} recordings/s: answers {overload.answers}, "
        f"{overload.most_mb} MB in memory at most ({figures.idle_mb} MB before all).\n"
        f"A result is seen {figures.visible['p50_ms']:g} ms after its commit, 95 % within"
        f" {figures.visible['p95_ms']:g} ms.{known} The index is made anew at {rebuild.rate} records/s, with"
        f" {rebuild.cpu_us:g} µs of processor time each."
        f" While nobody asks, they take {100 * figures.idle_cpu:.1f} % of a core."
    )
