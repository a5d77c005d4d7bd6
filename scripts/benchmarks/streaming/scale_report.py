"""The report of the scale bench, as tables, as JSON and as a picture."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from rich.table import Table

from scripts.benchmarks.machine import environment
from scripts.benchmarks.streaming.capacity import WorkerCapacity
from scripts.benchmarks.streaming.report import LIBRARIES, environment_table, settings
from scripts.benchmarks.streaming.scale import BASE, PACES, Row
from scripts.benchmarks.streaming.systems import OURS
from scripts.tables import ReportTable

_HEADINGS = (
    "records", "done/s", "CPU ms/record", "ms/audio s", "idle cores", "peak MB", "open", "commits/s", "records each",
)  # fmt: skip
_PANELS: tuple[tuple[str, Callable[[Row], float]], ...] = (
    ("CPU ms per record", lambda row: row.cpu_ms),
    ("CPU ms per second of audio", lambda row: row.cpu_ms_per_audio_s),
    ("peak memory, MB", lambda row: row.peak_mb),
    ("open transactions", lambda row: row.open_transactions),
    ("commits per second", lambda row: row.commits_per_s),
)
_INCHES = 3.2


def as_json(rows: Sequence[Row], carried: WorkerCapacity | None) -> dict[str, object]:
    """Every row, the capacity of one worker if it was measured, and versions and machine."""
    return {
        "base": asdict(BASE),
        "rows": [row.as_json() for row in rows],
        "carried": None if carried is None else asdict(carried),
        "settings": {OURS: settings()[OURS]},
        **environment(LIBRARIES),
    }


def tables(rows: Sequence[Row], carried: WorkerCapacity | None) -> Iterator[Table]:
    """One table for each factor, one of a worker's capacity, and one of versions and settings."""
    for factor, group in groupby(rows, lambda row: row.factor):
        yield _table(factor, list(group))
    if carried is not None:
        yield _carried(carried)
    yield environment_table([OURS])


def plot(rows: Sequence[Row], file: Path) -> None:
    """Draw every factor, in a row of panels, into a file; its name ends in .svg, .png or .pdf."""
    from matplotlib.figure import Figure  # noqa: PLC0415  slow to import, and only drawn on request

    factors = list(dict.fromkeys(row.factor for row in rows))
    figure = Figure(figsize=(_INCHES * len(_PANELS), _INCHES * len(factors)), layout="constrained")
    panels = figure.subplots(len(factors), len(_PANELS), squeeze=False)
    for factor, across in zip(factors, panels, strict=True):
        for (title, value), axes in zip(_PANELS, across, strict=True):
            for pace in PACES:
                own = [row for row in rows if row.factor == factor and row.pace == pace]
                axes.plot([row.value for row in own], [value(row) for row in own], marker="o", label=pace)
            axes.set(title=title, xlabel=factor, xscale="log", ylim=(0, None))
        across[0].legend()
    figure.savefig(file)


def _table(factor: str, rows: Sequence[Row]) -> Table:
    table = ReportTable(title=f"by {factor}")
    table.add_column(factor)
    table.add_column("pace")
    for heading in _HEADINGS:
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            f"{row.value:g}",
            row.pace,
            str(row.records),
            f"{row.throughput:.1f}",
            f"{row.cpu_ms:.2f}",
            f"{row.cpu_ms_per_audio_s:.2f}",
            f"{row.idle_cores:.3f}",
            f"{row.peak_mb:.0f}",
            f"{row.open_transactions:.1f}",
            f"{row.commits_per_s:.1f}",
            f"{row.records_per_commit:.1f}",
        )
    return table


def _carried(carried: WorkerCapacity) -> Table:
    table = ReportTable(title="capacity of one worker", show_header=False)
    for text, value in (
        ("calls at 8 kHz per core, lossless", carried.calls_lossless),
        ("the same, default level, full effort", carried.calls_default),
        ("the same, default level, under load", carried.calls_default_under_load),
        ("clips of 100 KB per second, lossless", carried.clips_per_s),
        ("peak memory meanwhile, MB", carried.clips_peak_mb),
    ):
        table.add_row(text, f"{value:.0f}")
    return table
