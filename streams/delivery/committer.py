"""Commits what the lanes of a worker have finished, in transactions."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

from streams.delivery.commit_policy import MAX_TRANSACTION_BYTES, CommitPolicy
from streams.delivery.lane import Finished, Lane
from streams.delivery.lane_parts import LaneParts
from streams.delivery.transactions import Transactor

#: A lane, and the finished inputs at its head that go into the transaction.
_Taken = tuple[Lane, list[Finished]]


class Committer:
    """Commits the finished inputs at the heads of all lanes and the offsets behind them, for one generation.

    One transaction covers all partitions: it costs hardly more than a transaction of a single partition. `CommitPolicy`
    decides when; this class waits and commits. Create it inside the running event loop.

    Args:
        transactor: Started.
        parts: What the lanes share.
    """

    def __init__(self, transactor: Transactor, parts: LaneParts) -> None:
        self._transactor = transactor
        self._parts = parts
        self._policy = CommitPolicy(parts.budget, asyncio.get_running_loop().time)
        self._lanes: deque[Lane] = deque()
        self._open = True
        self._wake_when: Callable[[], bool] = self._committable
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, lanes: Iterable[Lane]) -> None:
        """Start to commit what these lanes finish."""
        self._lanes.extend(lanes)
        self._parts.budget.watchers.add(self._wake)
        self._task = asyncio.create_task(self._run(), name="committer")

    def finished(self, ready_bytes: int) -> None:
        """Note that an input is finished.

        Args:
            ready_bytes: Output bytes that can be committed now and could not before.
        """
        self._policy.record_finished(ready_bytes)
        self._wake()

    async def drain(self) -> None:
        """Close the lanes, commit every input that they have taken, and stop the transactor.

        What cannot be sealed is left to the partitions' next owners.
        """
        self._close()
        self._changed.set()
        if self._task is not None:
            await asyncio.wait([self._task])
        await self._transactor.stop()

    async def discard(self) -> None:
        """Stop at once; the next owners of the partitions read again what is not committed."""
        self._close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        self._discard_lanes()
        await self._transactor.stop()

    def _discard_lanes(self) -> None:
        for lane in self._lanes:
            lane.discard()

    def _close(self) -> None:
        self._open = False
        self._policy.close()
        for lane in self._lanes:
            lane.close()

    def _wake(self) -> None:
        if self._wake_when():
            self._changed.set()

    async def _run(self) -> None:
        try:
            while await self._something_finished():
                await self._wait_for_more()
                taken, size = self._take()
                if not await self._can_seal(taken):
                    self._discard_lanes()
                    break
                self._policy.transaction_started()
                await self._commit(taken)
                self._policy.transaction_ended(size)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  whatever it is, nothing can be committed: the worker ends
            self._parts.on_failure(error)
        finally:
            self._parts.budget.watchers.discard(self._wake)

    async def _something_finished(self) -> bool:
        """Wait until something can be committed; False when all lanes are closed and empty."""
        self._wake_when = self._committable
        while not self._committable():
            self._changed.clear()
            await self._changed.wait()
        return any(lane.finished for lane in self._lanes)

    def _committable(self) -> bool:
        return any(lane.finished for lane in self._lanes) or not (self._open or any(lane.depth for lane in self._lanes))

    async def _wait_for_more(self) -> None:
        """Wait for as long as the policy lets more inputs join the transaction."""
        self._wake_when = self._policy.is_stage_over
        while (deadline := self._policy.wait_until()) is not None:
            self._changed.clear()
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError:
                self._policy.timer_fired()

    async def _can_seal(self, taken: list[_Taken]) -> bool:
        inputs = [(done.job.record, done.outcome) for _, batch in taken for done in batch]
        return await self._parts.sealer.ready(inputs, lambda: self._open)

    async def _commit(self, taken: list[_Taken]) -> None:
        """Commit one transaction."""
        batches = [lane.prepare(batch) for lane, batch in taken]
        with self._parts.metrics.transaction_seconds.time():
            await self._transactor.commit(batches)
        for lane, batch in taken:
            lane.settle(batch)
        self._parts.metrics.commits.inc()
        self._parts.breaker.check()
        if not any(lane.finished for lane in self._lanes):
            self._parts.executor.check()
            self._parts.recordings.check()
        self._lanes.rotate(-1)

    def _take(self) -> tuple[list[_Taken], int]:
        """Choose what goes into one transaction, up to its size limit and to the limit of the breaker.

        Returns:
            What goes into it, and its output bytes.
        """
        taken: list[_Taken] = []
        size = 0
        for lane in self._lanes:
            batch: list[Finished] = []
            for done in lane.finished:
                output_bytes = done.outcome.output_bytes
                if self._parts.breaker.tripped or (size and size + output_bytes > MAX_TRANSACTION_BYTES):
                    break
                self._parts.breaker.count(done.outcome.rejection)
                size += output_bytes
                batch.append(done)
            if batch:
                taken.append((lane, batch))
        return taken, size
