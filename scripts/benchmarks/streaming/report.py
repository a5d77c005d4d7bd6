"""The report of all runs: minimum and median of each system, and ratios within the same setting."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from statistics import median

from rich.table import Table

from scripts.benchmarks.machine import environment
from scripts.benchmarks.streaming.stream import Run
from scripts.benchmarks.streaming.systems import CEILINGS, CODEC, OURS, SYSTEMS
from scripts.tables import ReportTable

LIBRARIES = ("faust-streaming", "aiokafka", "confluent-kafka", "quixstreams", "numpy", "pyflac", "av")
"""Libraries whose versions are reported, because they affect the figures."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A system in one setting, over its repetitions.

    Attributes:
        system: Its name.
        level: The level's name.
        segment_s: Length of a segment in seconds.
        brokers: Number of brokers.
        records: Records in a run.
        cpu_min_s: Minimum of the runs' processor seconds.
        cpu_median_s: Their median.
        wall_min_s: Minimum of the runs' wall-clock seconds.
        wall_median_s: Their median.
        codec_share: Minimum CPU of the codec call alone over the system's minimum; None if the codec was not measured.
        cpu_over_ours: Minimum CPU over our worker's minimum; None if our worker was not measured.
        wall_over_ours: Minimum wall-clock time over our worker's minimum; None if our worker was not measured.
    """

    system: str
    level: str
    segment_s: float
    brokers: int
    records: int
    cpu_min_s: float
    cpu_median_s: float
    wall_min_s: float
    wall_median_s: float
    codec_share: float | None
    cpu_over_ours: float | None
    wall_over_ours: float | None


def summarise(runs: Sequence[Run]) -> list[Summary]:
    """Every system in every setting, settings in the order in which they were measured."""
    return [row for _, group in groupby(runs, _setting) for row in _rows(list(group))]


def as_json(runs: Sequence[Run]) -> dict[str, object]:
    """The runs, their summary, and versions and machine."""
    return {
        "runs": [asdict(run) for run in runs],
        "summary": [asdict(row) for row in summarise(runs)],
        "settings": settings(),
        **environment(LIBRARIES),
    }


def settings() -> dict[str, str]:
    """Each system's settings, in one line."""
    return {**CEILINGS, **{name: system.settings for name, system in SYSTEMS.items()}}


def tables(runs: Sequence[Run]) -> Iterator[Table]:
    """One table for each setting, and one of versions and settings."""
    for _, group in groupby(summarise(runs), _setting):
        yield _table(list(group))
    yield environment_table(_systems(runs))


def _setting(of: Run | Summary) -> tuple[int, float, str]:
    return of.brokers, of.segment_s, of.level


def _rows(runs: Sequence[Run]) -> Iterator[Summary]:
    by_system = {system: [run for run in runs if run.system == system] for system in _systems(runs)}
    cpu = {system: min(run.cpu_s for run in own) for system, own in by_system.items()}
    wall = {system: min(run.wall_s for run in own) for system, own in by_system.items()}
    for system, own in by_system.items():
        yield Summary(
            system=system,
            level=own[0].level,
            segment_s=own[0].segment_s,
            brokers=own[0].brokers,
            records=own[0].records,
            cpu_min_s=cpu[system],
            cpu_median_s=median(run.cpu_s for run in own),
            wall_min_s=wall[system],
            wall_median_s=median(run.wall_s for run in own),
            codec_share=cpu[CODEC] / cpu[system] if CODEC in cpu else None,
            cpu_over_ours=cpu[system] / cpu[OURS] if OURS in cpu else None,
            wall_over_ours=wall[system] / wall[OURS] if OURS in wall else None,
        )


def _systems(runs: Sequence[Run]) -> list[str]:
    """The measured systems, in the order of all lists of systems."""
    measured = {run.system for run in runs}
    return [name for name in settings() if name in measured]


def _table(rows: Sequence[Summary]) -> Table:
    first = rows[0]
    plural = "s" if first.brokers > 1 else ""
    title = f"{first.records} records of {first.segment_s:g} s, {first.level}, {first.brokers} broker{plural}"
    table = ReportTable(title=title)
    table.add_column("system")
    for heading in ("CPU s, min", "median", "wall s, min", "median", "CPU ms/record", "codec share"):
        table.add_column(heading, justify="right")
    for heading in ("CPU over ours", "wall over ours"):
        table.add_column(heading, justify="right")
    for row in rows:
        seconds = (row.cpu_min_s, row.cpu_median_s, row.wall_min_s, row.wall_median_s)
        ratios = (row.codec_share, row.cpu_over_ours, row.wall_over_ours)
        table.add_row(
            row.system,
            *(f"{value:.2f}" for value in seconds),
            f"{1000 * row.cpu_min_s / row.records:.3f}",
            *("-" if value is None else f"{value:.2f}" for value in ratios),
        )
    return table


def environment_table(measured: Sequence[str]) -> Table:
    """The machine, versions, and the settings of these systems."""
    found = environment(LIBRARIES)
    table = ReportTable(title="measured on, and with", show_header=False)
    for name, value in {**found["machine"], **found["versions"]}.items():
        table.add_row(name, str(value))
    for name in measured:
        table.add_row(name, settings()[name])
    return table
