"""A pool of workers, and a supervisor that restarts those that end."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from tests.chaos.workers import Worker

#: Seconds before a restart, as with an orchestrator.
_RESTART_PAUSE_S = 0.3
_LOOK_S = 0.1


class WorkerPool:
    """A pool of worker processes, of which some are running; those are restarted when they end.

    Args:
        workers: All workers by number, none started.
    """

    def __init__(self, workers: Mapping[int, Worker]) -> None:
        self.workers = workers
        self._running: set[int] = set()
        self._down: Counter[int] = Counter()

    @property
    def running(self) -> list[int]:
        """Numbers of the workers that are meant to run."""
        return sorted(self._running)

    @property
    def stopped(self) -> list[int]:
        """Numbers of the workers that are not meant to run."""
        return sorted(self.workers.keys() - self._running)

    def start(self, number: int) -> None:
        """Start a worker, and restart it when it ends."""
        self._running.add(number)
        if not self._down[number] and not self.workers[number].alive:
            self.workers[number].start()

    def stop(self, number: int) -> None:
        """Stop a worker with SIGTERM, and do not restart it."""
        self._running.discard(number)
        self.workers[number].signal(signal.SIGTERM)

    def remove(self, number: int) -> None:
        """Stop a worker with SIGTERM, tell it that it will not be started again, and do not restart it."""
        self.workers[number].replicas.write_text("0")
        self.stop(number)

    def bring_back(self, number: int) -> None:
        """Start a removed worker, and restart it when it ends."""
        self.workers[number].replicas.write_text("1")
        self.start(number)

    @contextmanager
    def kept_down(self, number: int) -> Iterator[Worker]:
        """Kill a worker, and do not restart it within the context."""
        self._down[number] += 1
        try:
            if self.workers[number].alive:
                self.workers[number].kill()
            yield self.workers[number]
        finally:
            self._down[number] -= 1

    @asynccontextmanager
    async def all_stopped(self, within: float) -> AsyncIterator[None]:
        """Stop all workers, kill them after ``within`` seconds, and do not restart them within the context."""
        self._down.update(list(self.workers))
        try:
            until = time.monotonic() + within
            for worker in self.workers.values():
                worker.signal(signal.SIGTERM)
            while any(worker.alive for worker in self.workers.values()) and time.monotonic() < until:
                await asyncio.sleep(_LOOK_S)
            for worker in self.workers.values():
                if worker.alive:
                    worker.kill()
            yield
        finally:
            self._down.subtract(list(self.workers))

    async def supervise(self) -> None:
        """Restart running workers that have ended, forever."""
        while True:
            for number in self._wanted():
                if not self.workers[number].alive:
                    await asyncio.sleep(_RESTART_PAUSE_S)
                    if number in self._wanted() and not self.workers[number].alive:
                        self.workers[number].start()
            await asyncio.sleep(_LOOK_S)

    def _wanted(self) -> set[int]:
        return {number for number in self._running if not self._down[number]}

    async def all_ready(self, within: float) -> list[str]:
        """Wait until all running workers are ready; returns the names of those that are not in time."""
        until = time.monotonic() + within
        waiting = self.running
        while waiting and time.monotonic() < until:
            waiting = [number for number in waiting if not await asyncio.to_thread(self.workers[number].is_ready)]
            await asyncio.sleep(_LOOK_S)
        return [self.workers[number].name for number in waiting]

    def kill_all(self) -> None:
        """Kill all processes."""
        self._running.clear()
        for worker in self.workers.values():
            worker.signal(signal.SIGCONT)
            if worker.alive:
                worker.kill()
            if worker.log_pipe is not None:
                worker.log_pipe.end()
