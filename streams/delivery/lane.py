"""The ordered lane of one input partition: processes its inputs in parallel and releases them in offset order."""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple

from schemas.record import TopicPartition
from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.executor import Job, RecordExecutor
from streams.delivery.outcome import InputRecord, Outcome, Processor, ReportT, StateStore
from streams.delivery.transactions import Batch
from streams.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class LaneParts:
    """What all lanes of a worker share."""

    executor: RecordExecutor
    budget: InFlightBudget
    breaker: DeadLetterBreaker
    store: StateStore
    metrics: Metrics
    on_failure: Callable[[BaseException], None]


class Finished(NamedTuple, Generic[ReportT]):
    """An input whose outcome is known."""

    job: Job[ReportT]
    outcome: Outcome[ReportT]


class SkippedInputError(RuntimeError):
    """An input was read but did not reach its lane. Going on would commit past it, so the worker ends."""


class Lane(Generic[ReportT]):
    """The ordered lane of one input partition, for one generation of the consumer group.

    Inputs enter in offset order, are processed in parallel, and leave in offset order: the finished ones at the head
    go into a transaction together with the offset after them. A lane refuses inputs of other generations, and offsets
    that it has already taken.

    Args:
        tp: The partition.
        processor: Turns an input into its outcome.
        generation: Generation of the group in which the partition was assigned.
        position: First offset to take: the committed offset, read after former owners were fenced.
        parts: What it shares with the other lanes.
        on_finished: Called for every outcome, with the number of output bytes that can be committed because of it.

    Attributes:
        committed: Offset after the last committed input.
    """

    def __init__(
        self,
        tp: TopicPartition,
        processor: Processor[ReportT],
        *,
        generation: int,
        position: int,
        parts: LaneParts,
        on_finished: Callable[[int], None],
    ) -> None:
        self.generation = generation
        self.committed = position
        self._tp = tp
        self._next = position
        self._processor = processor
        self._parts = parts
        self._on_finished = on_finished
        self._records_in = parts.metrics.records_in.labels(tp.partition)
        self._lookup = parts.store.lookup(tp.partition)
        self._announced: deque[tuple[int, float]] = deque()
        self._jobs: deque[Job[ReportT]] = deque()
        self._finished: deque[Finished[ReportT]] = deque()
        self._open = True

    @property
    def depth(self) -> int:
        """Inputs taken and not yet committed."""
        return len(self._finished) + len(self._jobs)

    @property
    def head(self) -> InputRecord | None:
        """The oldest input taken and not yet committed."""
        if self._finished:
            return self._finished[0].job.record
        return self._jobs[0].record if self._jobs else None

    @property
    def busy(self) -> bool:
        """Whether the head is still being processed, so that no commit can be expected yet."""
        return bool(self._jobs) and not self._finished

    @property
    def finished(self) -> Collection[Finished[ReportT]]:
        """The finished inputs at the head, in order; these can be committed."""
        return self._finished

    def announce(self, offset: int, generation: int) -> None:
        """Note that the input at ``offset`` was read and is on its way; ``submit`` checks that it arrives."""
        if self._open and generation == self.generation:
            self._announced.append((offset, time.monotonic()))

    async def submit(self, record: InputRecord, generation: int) -> bool:
        """Take one input, waiting while the worker has enough in flight.

        Args:
            record: The input.
            generation: Generation in which it was read.

        Returns:
            Whether the lane took it. It refuses inputs that it has taken before, or that the partition's next owner
            reads again.

        Raises:
            SkippedInputError: When another input should have come first.
        """
        if not self._open or generation != self.generation:
            return False
        announced, read_at = self._announced.popleft() if self._announced else (None, 0.0)
        if announced != record.position.offset:
            raise SkippedInputError(f"offset {announced} was read and {record.position} came")
        if record.position.offset < self._next:
            return False
        job = Job(record, self._processor, self._lookup, self._processed, read_at=read_at)
        await self._parts.budget.acquire(job.size)
        if not self._open:  # closed meanwhile
            self._parts.budget.processed()
            self._parts.budget.release(job.size)
            return False
        self._next = record.next_offset
        self._jobs.append(job)
        self._parts.executor.submit(job)
        return True

    def close(self) -> None:
        """Take no more inputs; those that were taken can still be committed."""
        self._open = False

    def discard(self) -> None:
        """Drop all inputs that are not committed; the partition's next owner reads them again."""
        self._open = False
        taken = [*(done.job for done in self._finished), *self._jobs]
        self._finished.clear()
        self._jobs.clear()
        for job in taken:
            self._parts.budget.release(job.size)

    def prepare(self, batch: Sequence[Finished[ReportT]]) -> Batch:
        """Write the table updates of the first finished inputs, and return their part of the transaction."""
        for _, outcome in batch:
            for key, value in outcome.table_updates:
                self._parts.store.put(self._tp.partition, key, value)
        outputs = [output for _, outcome in batch for output in outcome.outputs]
        first, last = batch[0].job.record, batch[-1].job.record
        return Batch(self._tp, outputs, last.next_offset, first.position.offset)

    def settle(self, batch: Sequence[Finished[ReportT]]) -> None:
        """Note that the transaction with these inputs is committed."""
        now = time.monotonic()
        for job, outcome in batch:
            self._finished.popleft()
            self._parts.budget.release(job.size)
            self._parts.metrics.processing_seconds.observe(now - job.read_at)
            self._processor.delivered(job.record, outcome)
        self.committed = batch[-1].job.record.next_offset
        self._records_in.inc(len(batch))

    def _processed(self) -> None:
        self._parts.budget.processed()
        ready = 0
        while self._jobs and (outcome := self._jobs[0].outcome) is not None:
            self._finished.append(Finished(self._jobs.popleft(), outcome))
            ready += outcome.output_bytes
        self._on_finished(ready)
