"""Workers of which some are on duty, and somebody who starts them again when they end."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from tests.chaos.workers import Worker

#: As an orchestrator would wait before it starts a process again.
_RESTART_PAUSE_S = 0.3
_LOOK_S = 0.1


class WorkerPool:
    """Workers of which some are on duty, and started again as soon as they end.

    Args:
        workers: All of them, none started.
    """

    def __init__(self, workers: Mapping[int, Worker]) -> None:
        self.workers = workers
        self._on_duty: set[int] = set()
        self._held: Counter[int] = Counter()

    @property
    def on_duty(self) -> list[int]:
        """Numbers of the workers that are meant to run."""
        return sorted(self._on_duty)

    @property
    def off_duty(self) -> list[int]:
        """Numbers of the workers that are not."""
        return sorted(self.workers.keys() - self._on_duty)

    def call_up(self, number: int) -> None:
        """Let a worker run from now on."""
        self._on_duty.add(number)
        if not self._held[number] and not self.workers[number].alive:
            self.workers[number].start()

    def send_home(self, number: int) -> None:
        """Ask a worker to stop, and do not start it again."""
        self._on_duty.discard(number)
        self.workers[number].signal(signal.SIGTERM)

    @contextmanager
    def held_down(self, number: int) -> Iterator[Worker]:
        """Kill a worker, and start it again only afterwards."""
        self._held[number] += 1
        try:
            if self.workers[number].alive:
                self.workers[number].kill()
            yield self.workers[number]
        finally:
            self._held[number] -= 1

    @asynccontextmanager
    async def all_stopped(self, within: float) -> AsyncIterator[None]:
        """Stop all workers in order, kill those that do not end within so many seconds, start them only afterwards."""
        self._held.update(list(self.workers))
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
            self._held.subtract(list(self.workers))

    async def keep(self) -> None:
        """Start again whoever is on duty and has ended, forever."""
        while True:
            for number in self._wanted():
                if not self.workers[number].alive:
                    await asyncio.sleep(_RESTART_PAUSE_S)
                    if number in self._wanted() and not self.workers[number].alive:
                        self.workers[number].start()
            await asyncio.sleep(_LOOK_S)

    def _wanted(self) -> set[int]:
        return {number for number in self._on_duty if not self._held[number]}

    async def all_ready(self, within: float) -> list[str]:
        """Wait until everybody on duty is ready; returns the names of those who are not in time."""
        until = time.monotonic() + within
        waiting = self.on_duty
        while waiting and time.monotonic() < until:
            waiting = [number for number in waiting if not await asyncio.to_thread(self.workers[number].is_ready)]
            await asyncio.sleep(_LOOK_S)
        return [self.workers[number].name for number in waiting]

    def end(self) -> None:
        """End every process."""
        self._on_duty.clear()
        for worker in self.workers.values():
            worker.signal(signal.SIGCONT)
            if worker.alive:
                worker.kill()
            if worker.log_pipe is not None:
                worker.log_pipe.end()
