"""A started and warmed-up system between a sender and a listener."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from schemas.topics import COMPRESSED, RAW
from scripts.benchmarks.streaming.arrivals import Seconds, due_times
from scripts.benchmarks.streaming.clocked import Listener, Sender
from scripts.benchmarks.streaming.kafka import fresh_topics
from scripts.benchmarks.streaming.records import Backlog, Traffic
from scripts.benchmarks.streaming.runs import Progress, running
from scripts.benchmarks.streaming.systems import cpu_seconds
from scripts.cli import Cluster
from scripts.processes.module_process import ModuleProcess

#: Records of the warm-up, enough for every thread and every partition.
WARM_UP = 128
_HEAD_START_S = 0.5
_SETTLE_S = 1.0  # between the last result of the warm-up and the measurement
_PATIENCE_S = 60.0
_SEED = 8

System = TypeVar("System", bound=ModuleProcess)
Start = Callable[[Cluster, Path], Sequence[System]]
"""Makes the processes of a system, not yet started, for a cluster and a directory."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Brokers, directories and progress display of every trial.

    Attributes:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        brokers: Number of brokers.
        directory: Directory for state and logs.
        progress: Callbacks for progress.
    """

    bootstrap_servers: str
    brokers: int
    directory: Path
    progress: Progress


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The results of one measurement.

    Attributes:
        due: When each record was due, on the monotonic clock.
        sent: When it was sent.
        arrived: When its result became visible.
        cpu_s: Processor seconds of the system, from the start of the measurement to the last result.
    """

    due: Seconds
    sent: Seconds
    arrived: Seconds
    cpu_s: float

    @property
    def wall_s(self) -> float:
        """Seconds from the first record to the last result."""
        return float(self.arrived.max() - self.due[0])


class Trial(Generic[System]):
    """Sends records to a system and waits for their results; record numbers continue over all measurements.

    Args:
        processes: The system.
        backlog: A backlog on its input topic.
        sender: A sender to the same topic.
        listener: A listener on the topic of results, from its beginning.
        traffic: The source of the records.
    """

    def __init__(
        self,
        processes: Sequence[System],
        *,
        backlog: Backlog,
        sender: Sender,
        listener: Listener,
        traffic: Traffic,
    ) -> None:
        self.processes = processes
        self._backlog = backlog
        self._sender = sender
        self._listener = listener
        self._traffic = traffic
        self._next = 0

    def cpu_seconds(self) -> float:
        """Processor seconds of the system so far."""
        return sum(cpu_seconds(process.pid) for process in self.processes)

    def warm_up(self) -> None:
        """Send the records of the warm-up, and wait for their results."""
        self._sender.begin(0, np.zeros(WARM_UP))
        self._wait(WARM_UP)
        self._sender.finish()
        time.sleep(_SETTLE_S)

    def send(self, rate: float, count: int) -> TrialResult:
        """Send records at a steady rate and wait for every result.

        Args:
            rate: Records per second.
            count: Number of records.
        """
        first, before = self._next, self.cpu_seconds()
        due = due_times(self._traffic.calls, rate, count, _SEED) + time.monotonic() + _HEAD_START_S
        self._sender.begin(first, due)
        self._wait(count)
        cpu = self.cpu_seconds() - before
        return TrialResult(due, self._sender.finish(), self._listener.arrived(first, count), cpu)

    def drain(self, count: int) -> TrialResult:
        """Make records visible all at once, and wait for every result.

        Args:
            count: Number of records.
        """
        first = self._next
        self._backlog.put(self._traffic.messages(first, count))
        before, now = self.cpu_seconds(), time.monotonic()
        self._backlog.release()
        self._wait(count)
        cpu = self.cpu_seconds() - before
        due = np.full(count, now)
        return TrialResult(due, due, self._listener.arrived(first, count), cpu)

    def _wait(self, count: int) -> None:
        self._next += count
        self._listener.wait(self._next, _PATIENCE_S, self._require_alive)

    def _require_alive(self) -> None:
        for process in self.processes:
            process.require_alive()


@contextmanager
def ready(setup: Setup, traffic: Traffic, start: Start[System], records: int) -> Iterator[Trial[System]]:
    """Start a system on new topics, and warm it up.

    Args:
        setup: Brokers, directories and progress display of every trial.
        traffic: The source of the records.
        start: Makes its processes.
        records: Number of records that will be measured.

    Raises:
        ProcessError: If the system ends, or does not start.
        ResultsError: If a record has no result, or more than one.
    """
    with ExitStack() as ending:
        cluster = ending.enter_context(fresh_topics(setup.bootstrap_servers, setup.progress.say, traffic.partitions))
        raw, results = cluster.topic(RAW), cluster.topic(COMPRESSED)
        listener = Listener(setup.bootstrap_servers, results, traffic.partitions, WARM_UP + records)
        ending.enter_context(closing(listener))
        sender = ending.enter_context(closing(Sender(setup.bootstrap_servers, raw, traffic)))
        backlog = Backlog(setup.bootstrap_servers, raw, traffic.partitions)
        processes = start(cluster, setup.directory / cluster.group)
        for process in processes:
            ending.enter_context(running(process))
        trial = Trial(processes, backlog=backlog, sender=sender, listener=listener, traffic=traffic)
        trial.warm_up()
        yield trial
