"""Measures the latency of results, at loads below and above a system's capacity."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from scripts.benchmarks.streaming.arrivals import Overload, WaitTimes, drained_rate, late
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.speech import DEFAULT, LOSSLESS
from scripts.benchmarks.streaming.systems import SYSTEMS
from scripts.benchmarks.streaming.trial import Setup, Start, TrialResult, ready
from scripts.processes.module_process import ModuleProcess

PEER = "confluent-eos"
LOADS = (0.25, 0.6, 0.9, 1.5)
"""Shares of our worker's capacity."""

CALLS = 50
SEGMENT_S = 2.0
SEGMENTS = 200
"""Number of different segments; calls repeat them."""

#: Records in the backlog that measures the capacity: about ten seconds of work for two cores.
BACKLOG = {LOSSLESS: 6000, DEFAULT: 1000}
#: Drained backlogs per system, in turn with the others; the fastest counts, as other programs have disturbed it least.
CAPACITY_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One system at one load.

    Attributes:
        system: Its name.
        brokers: How many brokers there were.
        level: Name of the level.
        load: Share of our worker's capacity.
        rate: Scheduled records per second.
        capacity: Results per second of this system while it drains a backlog.
        waits: Waiting times of records.
        overload: The backlog of an overload.
        sender_late_ms: How late the sender was with 1 % of its records.
        cpu_ms: Processor milliseconds of the system for a record.
    """

    system: str
    brokers: int
    level: str
    load: float
    rate: float
    capacity: float
    waits: WaitTimes
    overload: Overload
    sender_late_ms: float
    cpu_ms: float

    @property
    def kept(self) -> float:
        """Throughput during sending, as a share of the rate or of the capacity, whichever is less."""
        return self.overload.throughput / min(self.rate, self.capacity)

    @property
    def growth(self) -> float | None:
        """The last records' wait over the time that the backlog takes; 1 if they wait for nothing but the backlog."""
        return self.overload.end_wait_s / self.overload.backlog_s if self.load > 1 and self.overload.backlog else None

    def as_json(self) -> dict[str, Any]:
        """All values in one flat dictionary."""
        flat = asdict(self)
        waits, overload = flat.pop("waits"), flat.pop("overload")
        return {**flat, **waits, **overload, "kept": self.kept, "growth": self.growth}


def steps(systems: Sequence[str], loads: Sequence[float]) -> int:
    """Number of measurements that `measure` makes."""
    return len(systems) * (CAPACITY_ROUNDS + len(loads))


def measure(
    setup: Setup, traffic: Traffic, *, systems: Sequence[str], loads: Sequence[float], seconds: float
) -> Iterator[Row]:
    """Measure systems side by side: all at one load, then all at the next.

    Args:
        setup: Brokers, directories and progress display of every trial.
        traffic: The source of the records.
        systems: Their names; the first one's capacity determines the rates, which are the same for all.
        loads: Shares of that capacity.
        seconds: Duration of sending at each load.

    Yields:
        A row for each system at each load, as it ends.

    Raises:
        ProcessError: If a system ends, or does not start.
        ResultsError: If a record has no result, or more than one.
    """
    capacities = dict.fromkeys(systems, 0.0)
    for _ in range(CAPACITY_ROUNDS):
        for name in systems:
            capacities[name] = max(capacities[name], _capacity(setup, traffic, name))
    for load in loads:
        rate = load * capacities[systems[0]]
        count = max(round(rate * seconds), traffic.calls)
        for name in systems:
            setup.progress.begin(f"{setup.brokers} broker(s): {name} at {load:.0%}, {rate:.0f}/s")
            with ready(setup, traffic, _start(name, traffic.level), count) as trial:
                done = trial.send(rate, count)
            setup.progress.advance(1)
            yield _row(name, setup.brokers, traffic.level, load=load, rate=rate, capacity=capacities[name], done=done)


def _start(name: str, level: str) -> Start[ModuleProcess]:
    return lambda cluster, directory: [SYSTEMS[name].make(cluster, level, directory)]


def _capacity(setup: Setup, traffic: Traffic, name: str) -> float:
    """Results per second of a system while it drains a backlog."""
    setup.progress.begin(f"{setup.brokers} broker(s): capacity of {name}")
    count = BACKLOG[traffic.level]
    with ready(setup, traffic, _start(name, traffic.level), count) as trial:
        rate = drained_rate(trial.drain(count).arrived)
    setup.progress.advance(1)
    return rate


def _row(system: str, brokers: int, level: str, *, load: float, rate: float, capacity: float, done: TrialResult) -> Row:
    return Row(
        system=system,
        brokers=brokers,
        level=level,
        load=load,
        rate=rate,
        capacity=capacity,
        waits=WaitTimes.of(done.arrived - done.due),
        overload=Overload.of(done.due, done.arrived),
        sender_late_ms=late(done.due, done.sent),
        cpu_ms=done.cpu_s / len(done.due) * 1000,
    )
