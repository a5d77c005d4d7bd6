"""What the lanes of a worker have finished, into transactions."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from streams.delivery.lane import Finished, Lane, LaneParts
from streams.delivery.transactions import Transactor

#: Seconds between the starts of two transactions, at least. The first record after a pause does not wait; under load
#: this is the batching.
COMMIT_INTERVAL = 0.01
#: A worker commits for this part of its time at most. A transaction costs as much as several records: on a busy
#: machine, where each takes longer, there have to be fewer and larger ones, or they use up what they wait for.
_COMMIT_SHARE = 1 / 3
#: Interval at full concurrency, in seconds; scaled by the share of slots in use. Records wait as long for a thread
#: then, and CPU time is scarce.
_LONGEST_INTERVAL = 0.25
#: Output bytes from which a transaction is committed without waiting for the interval.
MAX_TRANSACTION_BYTES = 4 * 2**20


class Committer:
    """Commits what is finished at the heads of all lanes, together with the offsets that follow, for one generation.

    One transaction holds what all partitions have: it costs hardly more than one for each of them would.

    Args:
        transactor: Started.
        parts: What the lanes share.
    """

    def __init__(self, transactor: Transactor, parts: LaneParts) -> None:
        self._transactor = transactor
        self._parts = parts
        self._lanes: deque[Lane] = deque()
        self._open = True
        self._ready_bytes = 0
        self._wanted: Callable[[], bool] = self._committable
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, lanes: Iterable[Lane]) -> None:
        """Begin to commit what these lanes finish."""
        self._lanes.extend(lanes)
        self._parts.budget.watchers.add(self._look)
        self._task = asyncio.create_task(self._run(), name="committer")

    def finished(self, ready_bytes: int) -> None:
        """Hear that an input is finished, and how many bytes of outputs have become ready to be committed by it."""
        self._ready_bytes += ready_bytes
        self._look()

    async def drain(self) -> None:
        """Take nothing more, commit what was taken, and let go of the partitions."""
        self._close()
        self._changed.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._transactor.stop()

    async def discard(self) -> None:
        """Let go of the partitions at once; what is not committed will be read again by their next owners."""
        self._close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        for lane in self._lanes:
            lane.discard()
        await self._transactor.stop()

    def _close(self) -> None:
        self._open = False
        for lane in self._lanes:
            lane.close()

    def _look(self) -> None:
        if self._wanted():
            self._changed.set()

    async def _run(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            started, took = loop.time() - _LONGEST_INTERVAL, 0.0  # the first one does not wait
            while await self._something_finished():
                await self._linger(started, took)
                started = loop.time()
                await self._commit()
                took = loop.time() - started
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  whatever it is, nothing can be committed: the worker ends
            self._parts.on_failure(error)
        finally:
            self._parts.budget.watchers.discard(self._look)

    async def _something_finished(self) -> bool:
        """Wait until something can be committed; False when all lanes are closed and empty."""
        self._wanted = self._committable
        while not self._wanted():
            self._changed.clear()
            await self._changed.wait()
        return any(lane.finished for lane in self._lanes)

    async def _linger(self, started: float, took: float) -> None:
        """Give the next inputs time to join the transaction, unless there is enough already, or none is at work.

        Args:
            started: When the last transaction began.
            took: Seconds that it took.
        """
        budget = self._parts.budget
        await self._wait(lambda: started + _LONGEST_INTERVAL * budget.load, self._full)
        await self._wait(lambda: started + COMMIT_INTERVAL, self._full)
        longest = started + min(took / _COMMIT_SHARE, _LONGEST_INTERVAL)
        await self._wait(lambda: longest, lambda: self._full() or not budget.records)

    async def _wait(self, until: Callable[[], float], enough: Callable[[], bool]) -> None:
        """Wait for a moment, which may change while inputs are finished, or until there is enough."""
        now = asyncio.get_running_loop().time
        self._wanted = lambda: enough() or now() >= until()
        while not enough() and (left := (moment := until()) - now()) > 0:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                if until() <= moment:  # timers may fire a clock's tick too soon
                    return

    def _committable(self) -> bool:
        return any(lane.finished for lane in self._lanes) or not (self._open or any(lane.depth for lane in self._lanes))

    def _full(self) -> bool:
        budget = self._parts.budget
        if not self._open or (budget.waits_for_commits and not budget.records):
            return True
        return self._ready_bytes >= MAX_TRANSACTION_BYTES

    async def _commit(self) -> None:
        taken = self._take()
        batches = [lane.prepare(batch) for lane, batch in taken]
        with self._parts.metrics.transaction_seconds.time():
            await self._transactor.commit(batches)
        for lane, batch in taken:
            lane.settle(batch)
            self._ready_bytes -= sum(done.outcome.output_bytes for done in batch)
        self._parts.metrics.commits.inc()
        self._parts.breaker.check()
        if not any(lane.finished for lane in self._lanes):
            self._parts.executor.check()
        self._lanes.rotate(-1)

    def _take(self) -> list[tuple[Lane, list[Finished]]]:
        """What goes into one transaction: as much as it should hold, and as the breaker lets pass."""
        taken: list[tuple[Lane, list[Finished]]] = []
        size = 0
        for lane in self._lanes:
            batch: list[Finished] = []
            for done in lane.finished:
                if self._parts.breaker.tripped or (size and size + done.outcome.output_bytes > MAX_TRANSACTION_BYTES):
                    break
                self._parts.breaker.count(done.outcome)
                size += done.outcome.output_bytes
                batch.append(done)
            if batch:
                taken.append((lane, batch))
        return taken
