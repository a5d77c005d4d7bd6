"""Measures the cost of a record as partitions, calls, segments and workers grow."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from scripts.benchmarks.streaming.probes import Transactions, peak_bytes, transactions
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.systems import WORKER_SETTINGS, worker
from scripts.benchmarks.streaming.trial import Setup, Start, Trial, TrialResult, ready
from scripts.cli import Cluster
from scripts.processes.worker_process import WorkerProcess

Pace = Literal["backlog", "live"]
"""How records arrive: all at once, as after an outage, or at the pace of live calls."""
PACES: tuple[Pace, ...] = get_args(Pace)

_IDLE_S = 3.0
#: Largest backlog in bytes, which the brokers' machine can hold in memory.
_BACKLOG_BYTES = 96 * 10**6
_MB = 1e6
_MS = 1000.0


@dataclass(frozen=True, slots=True)
class Point:
    """One deployment and its load.

    Attributes:
        partitions: Number of partitions of each topic.
        calls: Number of simultaneous calls.
        segment_s: Seconds of audio in a record.
        workers: Number of worker processes.
    """

    partitions: int = 8
    calls: int = 200
    segment_s: float = 2.0
    workers: int = 1

    @property
    def rate(self) -> float:
        """Records per second of live calls."""
        return self.calls / self.segment_s


BASE = Point()
FACTORS: dict[str, Sequence[float]] = {
    "partitions": (1, 2, 4, 8, 16, 32, 64),
    "calls": (10, 50, 200, 500, 1000, 2000),
    "segment_s": (0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
    "workers": (1, 2),
}
"""The values of each factor; one factor at a time differs from `BASE`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement.

    Attributes:
        factor: What is varied, a field of `Point`.
        point: The deployment.
        pace: How the records arrived.
        records: Number of records.
        throughput: Results per second, from the first record to the last result.
        cpu_ms: Processor milliseconds of the workers per record, all threads and children.
        cpu_ms_per_audio_s: The same per second of audio.
        idle_cores: Processor seconds per second of the workers before the first record.
        peak_mb: Peak resident memory of the workers and their children, summed; shared pages count for each.
        open_transactions: Mean number of open transactions.
        commits_per_s: Transactions per second.
        records_per_commit: Mean number of records in a transaction.
    """

    factor: str
    point: Point
    pace: Pace
    records: int
    throughput: float
    cpu_ms: float
    cpu_ms_per_audio_s: float
    idle_cores: float
    peak_mb: float
    open_transactions: float
    commits_per_s: float
    records_per_commit: float

    @property
    def value(self) -> float:
        """The value of the factor."""
        return float(getattr(self.point, self.factor))

    def as_json(self) -> dict[str, Any]:
        """All values in one flat dictionary."""
        flat = asdict(self)
        point = flat.pop("point")
        return {**flat, **point, "value": self.value}


def points(factors: Sequence[str]) -> list[tuple[str, Point]]:
    """Every deployment to measure, with the factor that is varied."""
    return [
        (factor, replace(BASE, **{factor: type(getattr(BASE, factor))(value)}))
        for factor in factors
        for value in FACTORS[factor]
    ]


def steps(factors: Sequence[str]) -> int:
    """Number of measurements for these factors."""
    return len(points(factors)) * len(PACES)


def measure(
    setup: Setup,
    traffic: Traffic,
    factor: str,
    point: Point,
    *,
    most: int,
    seconds: float,
) -> Iterator[Row]:
    """Measure one deployment, first with a backlog and then with live calls.

    Args:
        setup: Brokers, directories and progress display of every trial.
        traffic: The source of the records.
        factor: What is varied.
        point: The deployment.
        most: Highest number of records in each measurement.
        seconds: Duration of live calls; at least one segment.

    Yields:
        A row for each pace.

    Raises:
        ProcessError: If a worker ends, or does not start.
        ResultsError: If a record has no result, or more than one.
    """
    counts: dict[Pace, int] = {"backlog": backlog_records(traffic, most), "live": live_records(point, most, seconds)}
    setup.progress.begin(f"{factor}: {getattr(point, factor):g}")
    start = workers(traffic.level, point.partitions, point.workers)
    with ready(setup, traffic, start, sum(counts.values())) as deployed:
        idle = _idle_cores(deployed)
        for pace, count in counts.items():
            before = committed(deployed)
            done = deployed.drain(count) if pace == "backlog" else deployed.send(point.rate, count)
            setup.progress.advance(1)
            yield _row(deployed, done, committed(deployed) - before, factor=factor, point=point, pace=pace, idle=idle)


def backlog_records(traffic: Traffic, most: int) -> int:
    """Number of records of a backlog that the brokers' machine can hold in memory, at most `most`."""
    return min(most, max(1, _BACKLOG_BYTES // len(traffic.segments[0].audio)))


def live_records(point: Point, most: int, seconds: float) -> int:
    """Number of records live calls send in these seconds, or during one segment if that is longer; at most `most`."""
    return min(most, round(point.rate * max(seconds, point.segment_s)))


def workers(
    level: str, partitions: int, count: int, settings: Mapping[str, str] = WORKER_SETTINGS
) -> Start[WorkerProcess]:
    """Make a function that makes a deployment's workers.

    Args:
        level: Name of their level.
        partitions: Number of partitions of each topic.
        count: Number of workers.
        settings: Further environment variables.
    """

    def make(cluster: Cluster, directory: Path) -> Sequence[WorkerProcess]:
        return [
            worker(cluster, level, directory / f"worker-{number}", settings, partitions)
            for number in range(1, count + 1)
        ]

    return make


def committed(deployed: Trial[WorkerProcess]) -> Transactions:
    """The transactions of all workers so far."""
    return sum((transactions(process) for process in deployed.processes), Transactions(0, 0))


def _idle_cores(deployed: Trial[WorkerProcess]) -> float:
    before, began = deployed.cpu_seconds(), time.monotonic()
    time.sleep(_IDLE_S)
    return (deployed.cpu_seconds() - before) / (time.monotonic() - began)


def _row(
    deployed: Trial[WorkerProcess],
    done: TrialResult,
    made: Transactions,
    *,
    factor: str,
    point: Point,
    pace: Pace,
    idle: float,
) -> Row:
    records = len(done.due)
    cpu_ms = done.cpu_s / records * _MS
    return Row(
        factor=factor,
        point=point,
        pace=pace,
        records=records,
        throughput=records / done.wall_s,
        cpu_ms=cpu_ms,
        cpu_ms_per_audio_s=cpu_ms / point.segment_s,
        idle_cores=idle,
        peak_mb=sum(peak_bytes(process.pid) for process in deployed.processes) / _MB,
        open_transactions=made.open_s / done.wall_s,
        commits_per_s=made.count / done.wall_s,
        records_per_commit=records / made.count,
    )
