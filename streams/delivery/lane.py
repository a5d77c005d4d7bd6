"""One input partition's way through the worker: in order, in parallel, into transactions."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.executor import ClipExecutor, Job
from streams.delivery.outcome import Input, Outcome, Processor, StateStore
from streams.delivery.transactions import Transactor
from streams.metrics import Metrics

#: Seconds between the starts of two transactions of a lane, at least. The first record after a pause does not wait;
#: under load this is the batching. 5 ms collapses on two cores: too many small transactions.
COMMIT_INTERVAL = 0.02
#: A lane commits for this part of its time at most. A transaction costs as much as several records: on a busy machine,
#: where each takes longer, there have to be fewer and larger ones, or they use up what they wait for.
_COMMIT_SHARE = 1 / 3
#: Also the interval while more comes in than the threads can do: waiting for them takes as long, and cores are scarce.
_LONGEST_INTERVAL = 0.25
#: Output bytes from which a transaction is committed without waiting for the interval.
MAX_TRANSACTION_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What all lanes of a worker share."""

    executor: ClipExecutor
    budget: InFlightBudget
    breaker: DeadLetterBreaker
    store: StateStore
    metrics: Metrics
    on_failure: Callable[[BaseException], None]


class SkippedInputError(RuntimeError):
    """An input was read and got lost before its lane. Going on would commit past it: the worker ends."""


class Lane:
    """The ordered lane of one input partition, for one generation of the consumer group.

    Inputs enter in offset order, are processed in parallel, and leave in offset order: the finished ones at the head
    go into one transaction together with the offset that follows them. A lane refuses what is not its own: inputs of
    another generation, and offsets that it has already taken.

    Args:
        processor: Turns an input into its outcome.
        transactor: Started; its fencing precedes the reading of ``position``.
        partition: Number of the partition.
        generation: Generation of the group in which the partition was assigned.
        position: Committed offset: the first one to take.
        parts: What it shares with the other lanes.
    """

    def __init__(
        self,
        *,
        processor: Processor,
        transactor: Transactor,
        partition: int,
        generation: int,
        position: int,
        parts: LaneParts,
    ) -> None:
        self.generation = generation
        self.committed = position
        self._next = position
        self._processor = processor
        self._transactor = transactor
        self._records_in = parts.metrics.records_in.labels(partition)
        self._parts = parts
        self._lookup = parts.store.lookup(partition)
        self._announced: deque[tuple[int, float]] = deque()
        self._jobs: deque[Job] = deque()
        self._open = True
        self._changed = asyncio.Event()
        parts.budget.watchers.add(self._changed)
        self._task = asyncio.create_task(self._run(), name=f"lane-{partition}")

    @property
    def depth(self) -> int:
        """Inputs taken and not yet committed."""
        return len(self._jobs)

    @property
    def head(self) -> Input | None:
        """The oldest input taken and not yet committed."""
        return self._jobs[0].item if self._jobs else None

    @property
    def busy(self) -> bool:
        """Whether the head is still being processed, so that no commit can be expected yet."""
        return bool(self._jobs) and self._jobs[0].outcome is None

    def announce(self, offset: int, generation: int) -> None:
        """Note that the input at ``offset`` was read and is on its way; ``submit`` holds the way to account."""
        if self._open and generation == self.generation:
            self._announced.append((offset, time.monotonic()))

    async def submit(self, item: Input, generation: int, context: object) -> bool:
        """Take one input, waiting while the worker has enough in flight.

        Args:
            item: The input.
            generation: Generation in which it was read.
            context: Handed to the state store when the input's updates are written.

        Returns:
            Whether the lane took it. Refused inputs belong to whoever owns the partition next, or are taken already.

        Raises:
            SkippedInputError: When another input should have come first.
        """
        if not self._open or generation != self.generation:
            return False
        announced, read_at = self._announced.popleft() if self._announced else (None, 0.0)
        if announced != item.position.offset:
            raise SkippedInputError(f"offset {announced} was read and {item.position} came")
        if item.position.offset < self._next:
            return False
        await self._parts.budget.acquire(item.size)
        if not self._open:  # closed meanwhile
            self._parts.budget.processed()
            self._parts.budget.release(item.size)
            return False
        self._next = item.position.offset + 1
        job = Job(item, context, self._processor, self._lookup, self._processed, read_at=read_at)
        self._jobs.append(job)
        self._parts.executor.submit(job)
        return True

    async def drain(self) -> None:
        """Take nothing more, commit what was taken, and let go of the partition."""
        self._open = False
        self._changed.set()
        await asyncio.wait([self._task])
        await self._transactor.stop()

    async def discard(self) -> None:
        """Let go of the partition at once; what is not committed will be read again by its next owner."""
        self._open = False
        self._task.cancel()
        await asyncio.wait([self._task])
        while self._jobs:
            self._parts.budget.release(self._jobs.popleft().item.size)
        await self._transactor.stop()

    def _processed(self) -> None:
        self._parts.budget.processed()
        self._changed.set()

    async def _run(self) -> None:
        try:
            loop = asyncio.get_running_loop()
            started, took = loop.time() - _LONGEST_INTERVAL, 0.0  # the first one does not wait
            while await self._head_done():
                await self._linger(started, took)
                started = loop.time()
                await self._commit(self._finished())
                took = loop.time() - started
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  whatever it is, the lane cannot go on: the worker ends
            self._parts.on_failure(error)
        finally:
            self._parts.budget.watchers.discard(self._changed)

    async def _head_done(self) -> bool:
        """Wait until the first input is done; False when the lane is closed and empty."""
        while not (self._jobs and self._jobs[0].outcome):
            if not self._jobs and not self._open:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    async def _linger(self, started: float, took: float) -> None:
        """Give the next inputs time to join the transaction, unless there is enough already, or no more can come.

        Args:
            started: When the last transaction began.
            took: Seconds that it took.
        """
        loop = asyncio.get_running_loop()
        while self._open and self._may_grow():
            if self._parts.budget.waits_for_clips:
                interval = _LONGEST_INTERVAL
            else:
                interval = min(max(COMMIT_INTERVAL, took / _COMMIT_SHARE), _LONGEST_INTERVAL)
            left = started + interval - loop.time()
            if left <= 0:
                return
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), left)
            except TimeoutError:
                return

    def _may_grow(self) -> bool:
        """Whether the next transaction is below its size, and something can still join it."""
        total = 0
        for job in self._jobs:
            if job.outcome is None:
                return total < MAX_TRANSACTION_BYTES
            total += _output_bytes(job.outcome)
        return total < MAX_TRANSACTION_BYTES and not self._parts.budget.waits_for_commits

    def _finished(self) -> list[Job]:
        """The finished inputs at the head, as many as one transaction should hold."""
        batch: list[Job] = []
        size = 0
        for job in self._jobs:
            if job.outcome is None or (batch and size + _output_bytes(job.outcome) > MAX_TRANSACTION_BYTES):
                break
            batch.append(job)
            size += _output_bytes(job.outcome)
        return batch

    async def _commit(self, batch: list[Job]) -> None:
        outcomes = [job.outcome for job in batch if job.outcome is not None]
        admitted = self._parts.breaker.admit(outcomes)
        batch, outcomes = batch[:admitted], outcomes[:admitted]
        for job, outcome in zip(batch, outcomes, strict=True):
            for key, value in outcome.table_updates:
                self._parts.store.put(job.context, key, value)
        next_offset = batch[-1].item.position.offset + 1
        with self._parts.metrics.transaction_seconds.time():
            await self._transactor.commit([out for outcome in outcomes for out in outcome.outputs], next_offset)
        self.committed = next_offset
        now = time.monotonic()
        for job, outcome in zip(batch, outcomes, strict=True):
            self._jobs.popleft()
            self._parts.budget.release(job.item.size)
            self._parts.metrics.processing_seconds.observe(now - job.read_at)
            self._processor.delivered(job.item, outcome)
        self._records_in.inc(len(batch))
        self._parts.metrics.commits.inc()
        self._parts.breaker.check()


def _output_bytes(outcome: Outcome) -> int:
    return sum(len(output.record.value or b"") for output in outcome.outputs)
