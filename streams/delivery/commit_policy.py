"""When a worker commits: often enough for low latency, seldom enough to spare the CPU."""

import enum
from collections.abc import Callable
from typing import Protocol

#: Minimum seconds between the starts of two transactions. The first record after a pause does not wait; under load,
#: this interval makes the batches.
COMMIT_INTERVAL = 0.01
#: Maximum share of its time that a worker spends in commits. A transaction costs as much CPU as several records. On a
#: busy machine, where each transaction takes longer, fewer and larger ones leave more CPU for the records.
MAX_COMMIT_SHARE = 1 / 3
#: Interval at full concurrency, in seconds; scaled by the share of slots in use. Records wait as long for a thread
#: then, and CPU time is scarce.
MAX_COMMIT_INTERVAL = 0.25
#: Output bytes from which a transaction is committed without waiting for the interval.
MAX_TRANSACTION_BYTES = 4 * 2**20


class Workload(Protocol):
    """How busy the worker is; `InFlightBudget` implements it."""

    @property
    def load(self) -> float:
        """Share of the concurrency slots in use, 0 to 1."""

    @property
    def records(self) -> int:
        """Records that are being processed, or wait for a thread."""

    @property
    def waits_for_commits(self) -> bool:
        """Whether the reader waits for bytes that only a commit frees."""


class _Stage(enum.Enum):
    """What a transaction waits for; the stages follow one another."""

    LOAD = enum.auto()
    INTERVAL = enum.auto()
    COMMIT_SHARE = enum.auto()


_NEXT = {_Stage.LOAD: _Stage.INTERVAL, _Stage.INTERVAL: _Stage.COMMIT_SHARE}


class CommitPolicy:
    """Decides when the next transaction starts, once something is ready to be committed.

    A transaction waits in three stages, each measured from the start of the last transaction. A stage that is over
    stays over, even if the load rises again:

    1. load: up to `MAX_COMMIT_INTERVAL`, in proportion to the load at the time of asking;
    2. interval: `COMMIT_INTERVAL`;
    3. commit share: until the last transaction took at most `MAX_COMMIT_SHARE` of the time, but no longer than
       `MAX_COMMIT_INTERVAL`, and only while records are being processed that may join.

    It commits without waiting when `MAX_TRANSACTION_BYTES` are ready, when the worker closes, and when the reader waits
    for bytes while no record is being processed: then nothing more can join.

    Args:
        workload: How busy the worker is.
        clock: Monotonic time in seconds.
    """

    def __init__(self, workload: Workload, clock: Callable[[], float]) -> None:
        self._workload = workload
        self._clock = clock
        self._started = clock() - MAX_COMMIT_INTERVAL  # the first transaction does not wait
        self._duration = 0.0
        self._stage = _Stage.LOAD
        self._ready_bytes = 0
        self._closing = False
        self._deadline = self._expired = float("-inf")

    def record_finished(self, ready_bytes: int) -> None:
        """Note that an input is finished.

        Args:
            ready_bytes: Output bytes that can be committed now and could not before.
        """
        self._ready_bytes += ready_bytes

    def close(self) -> None:
        """Commit without waiting from now on."""
        self._closing = True

    def transaction_started(self) -> None:
        """Note that a transaction starts; the next one waits from here on."""
        self._started = self._clock()
        self._stage = _Stage.LOAD

    def transaction_ended(self, committed_bytes: int) -> None:
        """Note that the transaction is committed.

        Args:
            committed_bytes: Output bytes in it.
        """
        self._duration = self._clock() - self._started
        self._ready_bytes -= committed_bytes

    def wait_until(self) -> float | None:
        """Decide whether to commit.

        Returns:
            The time up to which to wait; ask again then, or as soon as `is_stage_over`. None: commit now.
        """
        while self.is_stage_over():
            if self._stage is _Stage.COMMIT_SHARE:
                return None
            self._stage = _NEXT[self._stage]
        self._deadline = self._stage_end()
        return self._deadline

    def timer_fired(self) -> None:
        """Note that a timer for the time that `wait_until` returned has fired.

        That time counts as reached: timers may fire one clock tick early, and to wait for that tick again would spin.
        """
        self._expired = self._deadline

    def is_stage_over(self) -> bool:
        """Whether the wait in the present stage is over; cheap enough to ask with every record."""
        if self._must_commit():
            return True
        if self._stage is _Stage.COMMIT_SHARE and not self._workload.records:
            return True
        return max(self._clock(), self._expired) >= self._stage_end()

    def _must_commit(self) -> bool:
        if self._closing or self._ready_bytes >= MAX_TRANSACTION_BYTES:
            return True
        return self._workload.waits_for_commits and not self._workload.records

    def _stage_end(self) -> float:
        match self._stage:
            case _Stage.LOAD:
                return self._started + MAX_COMMIT_INTERVAL * self._workload.load
            case _Stage.INTERVAL:
                return self._started + COMMIT_INTERVAL
            case _Stage.COMMIT_SHARE:
                return self._started + min(self._duration / MAX_COMMIT_SHARE, MAX_COMMIT_INTERVAL)
