"""The bound on what a worker holds in flight."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from streams.telemetry.metrics import Metrics

#: Seconds after a wait in which the worker still counts as saturated: it ends with every commit, and begins again.
_JUST_NOW = 1.0


class InFlightBudget:
    """Counts records at work and bytes in flight, and makes the reader wait while either is used up.

    The wait is the back-pressure: while the agent waits here, its queue fills, and the fetcher stops. A record larger
    than the whole budget is admitted alone. A record is at work until it is processed. Its bytes are in flight until
    its outcome is committed, so that one transaction may hold more records than are processed at a time.

    Args:
        max_records: Clips that may be waiting for a thread, or be in one, at once.
        max_bytes: Input bytes that may be in flight at once.
        metrics: Where the two levels are shown.

    Attributes:
        watchers: Called whenever the reader begins to wait.
    """

    def __init__(self, max_records: int, max_bytes: int, metrics: Metrics) -> None:
        self._max_clips = max_records
        self._max_bytes = max_bytes
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._waited_at = float("-inf")
        self.watchers: set[Callable[[], None]] = set()
        self.records = 0
        self.bytes = 0
        metrics.in_flight_clips.set_function(lambda: self.records)  # when somebody looks, not with every record
        metrics.in_flight_bytes.set_function(lambda: self.bytes)

    @property
    def load(self) -> float:
        """Share of the records that may be at work which are, 0 to 1: the more there are, the longer one waits."""
        return self.records / self._max_clips

    @property
    def waits_for_commits(self) -> bool:
        """Whether the reader waits for bytes, which only commits give back."""
        return bool(self._waiters) and self.records < self._max_clips

    @property
    def saturated(self) -> bool:
        """Whether the reader waits, or has waited just now: there is more to do than the worker can take."""
        return bool(self._waiters) or time.monotonic() - self._waited_at < _JUST_NOW

    async def acquire(self, size: int) -> None:
        """Wait until a record of ``size`` bytes may be in flight, and count it."""
        while not self._admits(size):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            for watcher in self.watchers:
                watcher()
            try:
                await waiter
            finally:
                self._waited_at = time.monotonic()
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        self._count(1, size)

    def processed(self) -> None:
        """Hear that one record is no longer worked on."""
        self._count(-1, 0)
        self._wake()

    def release(self, size: int) -> None:
        """Give back the bytes of one processed record."""
        self._count(0, -size)
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _admits(self, size: int) -> bool:
        return self.records < self._max_clips and (self.bytes == 0 or self.bytes + size <= self._max_bytes)

    def _count(self, records: int, size: int) -> None:
        self.records += records
        self.bytes += size
