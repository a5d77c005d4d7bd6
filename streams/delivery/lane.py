"""The ordered lane of one input partition: processes its inputs in parallel and releases them in offset order."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from schemas.record import TopicPartition
from streams.delivery.job import Job, LiveJob, RecordingJob
from streams.delivery.lane_parts import LaneParts, Service
from streams.delivery.outcome import InputRecord, Outcome, RecordingProcessor
from streams.delivery.recording_control import RecordingControl
from streams.delivery.transactions import Batch


class Finished(NamedTuple):
    """An input whose outcome is known. Each agent has its own type of report."""

    job: Job[Any]
    outcome: Outcome[Any]


class SkippedInputError(RuntimeError):
    """An input was read but did not reach its lane. Going on would commit past it, so the worker ends."""


class Lane:
    """The ordered lane of one input partition, for one generation of the consumer group.

    Inputs enter in offset order, are processed in parallel, and leave in offset order: the finished ones at the head
    go into a transaction together with the offset after them. A lane refuses inputs of other generations, and offsets
    that it has already taken.

    While a recording is processed, the inputs behind it wait, and the partition is not read: the work may take long,
    and what waits takes memory. A recording that is not finished when the lane closes can go on in a later lane.

    Args:
        tp: The partition.
        service: Processes the inputs.
        generation: Generation of the group in which the partition was assigned.
        position: First offset to take: the committed offset, read after former owners were fenced.
        parts: What it shares with the other lanes.
        on_finished: Called for every outcome, with the number of output bytes that can be committed because of it.
        unfinished: The recording that a former lane of the partition began, if any.

    Attributes:
        committed: Offset after the last committed input.
        unfinished: The recording that a former or, once closed, this lane did not finish.
    """

    def __init__(
        self,
        tp: TopicPartition,
        service: Service,
        *,
        generation: int,
        position: int,
        parts: LaneParts,
        on_finished: Callable[[int], None],
        unfinished: RecordingJob[Any] | None = None,
    ) -> None:
        self.generation = generation
        self.committed = position
        self.unfinished = unfinished
        self._tp = tp
        self._next = position
        self._service = service
        self._parts = parts
        self._on_finished = on_finished
        self._records_in = parts.metrics.records_in.labels(*tp)
        self._lookup = parts.store.lookup(tp.partition)
        self._announced: deque[tuple[int, float]] = deque()
        self._jobs: deque[Job[Any]] = deque()
        self._finished: deque[Finished] = deque()
        self._recording: RecordingJob[Any] | None = None
        self._held: deque[tuple[InputRecord, float]] = deque()
        self._releasing: asyncio.Task[None] | None = None
        self._open = True

    @property
    def depth(self) -> int:
        """Inputs taken and not yet committed."""
        return len(self._finished) + len(self._jobs) + len(self._held)

    @property
    def head(self) -> InputRecord | None:
        """The oldest input taken and not yet committed."""
        if self._finished:
            return self._finished[0].job.record
        return self._jobs[0].record if self._jobs else None

    @property
    def busy(self) -> bool:
        """Whether a live record at the head is still being processed, so that no commit can be expected yet."""
        return bool(self._jobs) and not self._finished and self._jobs[0] is not self._recording

    @property
    def recording(self) -> RecordingControl | None:
        """The recording that is being processed, or waits for a thread; None if there is none."""
        return None if self._recording is None else self._recording.control

    @property
    def holds(self) -> bool:
        """Whether inputs wait behind a recording, so that the partition should not be read."""
        return self._recording is not None or self._releasing is not None

    @property
    def finished(self) -> Collection[Finished]:
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
        if self.holds:
            self._next = record.next_offset
            self._held.append((record, read_at))
            return True
        return await self._take(record, read_at)

    def close(self) -> None:
        """Take no more inputs. Those that were taken can still be committed, except a recording and what waits for it.

        The recording goes on, for a later lane.
        """
        self._open = False
        self._held.clear()
        if self._recording is not None:
            self._jobs.remove(self._recording)
            self._recording.on_done = _nothing
            self.unfinished, self._recording = self._recording, None

    def discard(self) -> None:
        """Drop all inputs that are not committed; the partition's next owner reads them again."""
        self.close()
        taken = [*(done.job for done in self._finished), *self._jobs]
        self._finished.clear()
        self._jobs.clear()
        for job in taken:
            self._parts.budget.release(job.size)

    def prepare(self, batch: Sequence[Finished]) -> Batch:
        """Write the table updates of the first finished inputs, and return their part of the transaction."""
        sealed = [self._parts.sealer.sealed(job.record, outcome) for job, outcome in batch]
        for key, value in [update for outcome in sealed for update in outcome.table_updates]:
            self._parts.store.put(self._tp.partition, key, value)
        outputs = [one for outcome in sealed for one in outcome.outputs]
        first, last = batch[0].job.record, batch[-1].job.record
        return Batch(self._tp, outputs, last.next_offset, first.position.offset)

    def settle(self, batch: Sequence[Finished]) -> None:
        """Note that the transaction with these inputs is committed."""
        now = time.monotonic()
        for job, outcome in batch:
            self._finished.popleft()
            self._parts.budget.release(job.size)
            if isinstance(job, LiveJob):
                self._parts.metrics.processing_seconds.observe(now - job.read_at)
            job.handler.delivered(job.record, outcome)
        self.committed = batch[-1].job.record.next_offset
        self._records_in.inc(len(batch))

    async def _take(self, record: InputRecord, read_at: float) -> bool:
        recordings = self._service.processor_of_recording(record)
        if recordings is not None:
            self._begin_recording(record, recordings, read_at)
            return True
        job = LiveJob(record, self._service.processor_of_live(), self._lookup, self._processed, read_at=read_at)
        await self._parts.budget.acquire(job.size)
        if not self._open:  # closed meanwhile
            self._parts.budget.processed()
            self._parts.budget.release(job.size)
            return False
        self._next = max(self._next, record.next_offset)  # it may have waited with others
        self._jobs.append(job)
        self._parts.executor.submit(job)
        return True

    def _begin_recording(self, record: InputRecord, processor: RecordingProcessor[Any], read_at: float) -> None:
        """Begin a recording, or go on with it where a former lane of the partition has begun it."""
        job, self.unfinished = self.unfinished, None
        if job is not None and job.record.position != record.position:
            job.control.cancel()
            job = None
        self._next = max(self._next, record.next_offset)
        if job is None:
            job = RecordingJob(record, processor, self._recording_done, read_at=read_at)
            self._parts.recordings.submit(job)
        self._recording = job
        self._jobs.append(job)
        job.on_done = self._recording_done
        if job.outcome is not None:
            self._recording_done()

    def _recording_done(self) -> None:
        self._recording = None
        self._move_finished()
        if self._held and self._releasing is None:
            self._releasing = asyncio.create_task(self._release_held())
            self._releasing.add_done_callback(self._released)

    async def _release_held(self) -> None:
        """Take the inputs that waited for a recording, up to the next recording.

        It says itself that it has ended: the next recording may be done before the loop calls `_released`.
        """
        try:
            while self._open and self._held and self._recording is None:
                await self._take(*self._held.popleft())
        finally:
            self._releasing = None

    def _released(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._parts.on_failure(error)

    def _processed(self) -> None:
        self._parts.budget.processed()
        self._move_finished()

    def _move_finished(self) -> None:
        ready = 0
        while self._jobs and (outcome := self._jobs[0].outcome) is not None:
            self._finished.append(Finished(self._jobs.popleft(), outcome))
            ready += outcome.output_bytes
        self._on_finished(ready)


def _nothing() -> None:
    """Stands for a lane that is closed."""
