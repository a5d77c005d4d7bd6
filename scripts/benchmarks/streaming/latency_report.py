"""The report of the latency bench, as tables and as JSON."""

from collections.abc import Iterator, Sequence
from itertools import groupby

from rich.table import Table

from scripts.benchmarks.machine import environment
from scripts.benchmarks.streaming.latency import Row
from scripts.benchmarks.streaming.report import LIBRARIES, environment_table, settings
from scripts.benchmarks.streaming.systems import OURS
from scripts.tables import ReportTable

_COLUMNS = ("p50 ms", "p95", "p99", "max", "our p95 over it", "done/s", "kept", "backlog", "growth", "CPU ms/record")


def as_json(rows: Sequence[Row]) -> dict[str, object]:
    """Every row, with versions and machine."""
    return {"rows": [row.as_json() for row in rows], "settings": settings(), **environment(LIBRARIES)}


def tables(rows: Sequence[Row]) -> Iterator[Table]:
    """One table for each number of brokers and each level, and one of versions and settings."""
    for (brokers, level), group in groupby(rows, lambda row: (row.brokers, row.level)):
        yield _table(f"{level}, {brokers} broker{'s' if brokers > 1 else ''}", list(group))
    yield environment_table(list(dict.fromkeys(row.system for row in rows)))


def _table(title: str, rows: Sequence[Row]) -> Table:
    table = ReportTable(title=title)
    table.add_column("load")
    table.add_column("system")
    for heading in _COLUMNS:
        table.add_column(heading, justify="right")
    ours = {row.load: row.waits.p95_ms for row in rows if row.system == OURS}
    for row in rows:
        waits, overload = row.waits, row.overload
        table.add_row(
            f"{row.load:.0%}, {row.rate:.0f}/s",
            f"{row.system}, {row.capacity:.0f}/s",
            *(f"{value:.0f}" for value in (waits.p50_ms, waits.p95_ms, waits.p99_ms, waits.max_ms)),
            f"{ours[row.load] / waits.p95_ms:.2f}" if row.load in ours else "-",
            f"{overload.throughput:.1f}",
            f"{row.kept:.2f}",
            str(overload.backlog),
            "-" if row.growth is None else f"{row.growth:.2f}",
            f"{row.cpu_ms:.1f}",
        )
    return table
