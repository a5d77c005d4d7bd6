"""Limits how much a worker has in flight."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from streams.telemetry.metrics import Metrics

#: Seconds for which the worker still counts as saturated after a wait. Each commit ends the wait, and the next one
#: starts soon after.
_SATURATION_SECONDS = 1.0


class InFlightBudget:
    """Counts records being processed and bytes in flight; the reader waits while either limit is reached.

    The wait is the back-pressure: while the agent waits here, its queue fills, and the fetcher stops. A record larger
    than the byte limit is admitted alone. A record takes a slot until it is processed; its bytes are in flight until
    its outcome is committed. So one transaction may hold more records than are processed at a time.

    Args:
        max_records: Maximum number of records that are in a thread or wait for one.
        max_bytes: Maximum of input bytes in flight.
        metrics: Where both counts are shown.

    Attributes:
        watchers: Called whenever the reader starts to wait.
        records: Records that are being processed, or wait for a thread.
        bytes: Input bytes in flight.
    """

    def __init__(self, max_records: int, max_bytes: int, metrics: Metrics) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._waited_at = float("-inf")
        self.watchers: set[Callable[[], None]] = set()
        self.records = 0
        self.bytes = 0
        metrics.in_flight_clips.set_function(lambda: self.records)  # read at a scrape, not set with every record
        metrics.in_flight_bytes.set_function(lambda: self.bytes)

    @property
    def load(self) -> float:
        """Share of the concurrency slots in use, 0 to 1."""
        return self.records / self._max_records

    @property
    def waits_for_commits(self) -> bool:
        """Whether the reader waits for bytes, which only commits free."""
        return bool(self._waiters) and self.records < self._max_records

    @property
    def saturated(self) -> bool:
        """Whether the reader waits, or waited within the last second: more comes in than the worker can process."""
        return bool(self._waiters) or time.monotonic() - self._waited_at < _SATURATION_SECONDS

    async def acquire(self, size: int) -> None:
        """Wait until a record of ``size`` bytes fits, then count it."""
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
        """Free the slot of a processed record."""
        self._count(-1, 0)
        self._wake()

    def release(self, size: int) -> None:
        """Free the bytes of a committed record."""
        self._count(0, -size)
        self._wake()

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _admits(self, size: int) -> bool:
        return self.records < self._max_records and (self.bytes == 0 or self.bytes + size <= self._max_bytes)

    def _count(self, records: int, size: int) -> None:
        self.records += records
        self.bytes += size
