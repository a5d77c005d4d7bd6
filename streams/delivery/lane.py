"""One input partition's way through the worker: in order, in parallel, to the transactions."""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.record import TopicPartition
from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.executor import Job, RecordExecutor
from streams.delivery.outcome import InputRecord, Outcome, Processor, StateStore
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


class Finished(NamedTuple):
    """An input whose outcome is known."""

    job: Job
    outcome: Outcome


class SkippedInputError(RuntimeError):
    """An input was read and got lost before its lane. Going on would commit past it: the worker ends."""


class Lane:
    """The ordered lane of one input partition, for one generation of the consumer group.

    Inputs enter in offset order, are processed in parallel, and leave in offset order: the finished ones at the head
    go into a transaction together with the offset that follows them. A lane refuses what is not its own: inputs of
    another generation, and offsets that it has already taken.

    Args:
        tp: The partition.
        processor: Turns an input into its outcome.
        generation: Generation of the group in which the partition was assigned.
        position: Committed offset, read after its former owners were fenced: the first one to take.
        parts: What it shares with the other lanes.
        on_finished: Told with every outcome how many bytes of outputs have become ready to be committed by it.
    """

    def __init__(
        self,
        tp: TopicPartition,
        processor: Processor,
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
        self._jobs: deque[Job] = deque()
        self._finished: deque[Finished] = deque()
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
    def finished(self) -> Collection[Finished]:
        """The finished inputs at the head, in order: what can be committed."""
        return self._finished

    def announce(self, offset: int, generation: int) -> None:
        """Note that the input at ``offset`` was read and is on its way; ``submit`` holds the way to account."""
        if self._open and generation == self.generation:
            self._announced.append((offset, time.monotonic()))

    async def submit(self, record: InputRecord, generation: int, context: object) -> bool:
        """Take one input, waiting while the worker has enough in flight.

        Args:
            record: The input.
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
        if announced != record.position.offset:
            raise SkippedInputError(f"offset {announced} was read and {record.position} came")
        if record.position.offset < self._next:
            return False
        job = Job(record, context, self._processor, self._lookup, self._processed, read_at=read_at)
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
        """Take nothing more; what was taken can still be committed."""
        self._open = False

    def discard(self) -> None:
        """Forget what was taken: its next owner reads it again."""
        self._open = False
        taken = [*(done.job for done in self._finished), *self._jobs]
        self._finished.clear()
        self._jobs.clear()
        for job in taken:
            self._parts.budget.release(job.size)

    def prepare(self, batch: Sequence[Finished]) -> Batch:
        """Write the table entries of the first finished inputs, and give what goes into the transaction."""
        for job, outcome in batch:
            for key, value in outcome.table_updates:
                self._parts.store.put(job.context, key, value)
        outputs = [output for _, outcome in batch for output in outcome.outputs]
        first, last = batch[0].job.record, batch[-1].job.record
        return Batch(self._tp, outputs, last.next_offset, first.position.offset)

    def settle(self, batch: Sequence[Finished]) -> None:
        """Hear that they are committed."""
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
