"""The bound on what a worker holds in flight."""

import asyncio
from collections import deque

from streams.metrics import Metrics


class InFlightBudget:
    """Counts clips and bytes in flight, and makes the reader wait while either is used up.

    The wait is the back-pressure: while the agent waits here, its queue fills, and the fetcher stops. A clip larger
    than the whole budget is admitted alone.

    Args:
        max_clips: Clips that may be in flight at once.
        max_bytes: Input bytes that may be in flight at once.
        metrics: Where the two levels are shown.
    """

    def __init__(self, max_clips: int, max_bytes: int, metrics: Metrics) -> None:
        self._max_clips = max_clips
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._waiters: deque[asyncio.Future[None]] = deque()
        self.clips = 0
        self.bytes = 0

    async def acquire(self, size: int) -> None:
        """Wait until a clip of ``size`` bytes may be in flight, and count it."""
        while not self._admits(size):
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            finally:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
        self._count(1, size)

    def release(self, size: int) -> None:
        """Give back one clip of ``size`` bytes."""
        self._count(-1, -size)
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    def _admits(self, size: int) -> bool:
        if self.clips == 0:
            return True
        return self.clips < self._max_clips and self.bytes + size <= self._max_bytes

    def _count(self, clips: int, size: int) -> None:
        self.clips += clips
        self.bytes += size
        self._metrics.in_flight_clips.set(self.clips)
        self._metrics.in_flight_bytes.set(self.bytes)
