"""The thread pool that turns inputs into outcomes, each within its time."""

import asyncio
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import structlog

from schemas import Rejection
from streams.delivery.outcome import InputRecord, Lookup, Outcome, Processor
from streams.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

#: Seconds between two returns of finished jobs to the event loop, while more of them wait for a thread. Each costs a
#: switch of threads and a round of the loop: for small records that is more than all that the loop does for one.
_HAND_BACK_INTERVAL = 0.005
#: Seconds after which the loop looks by itself: the threads may all be busy with long records by then.
_HAND_BACK_WITHIN = 0.02

#: Seconds for the dead letters of the records that hold all threads to be committed: several times what brokers take to
#: replace one of theirs.
_COMMIT_WITHIN = 30.0


class ExecutorExhaustedError(Exception):
    """Every thread holds a record that is over its time. Only a new process has fresh threads."""


class Job:
    """One input on its way through the pool.

    Attributes:
        outcome: None until the job is done.
        size: Bytes that the input takes in flight.
        read_at: When the input was read from Kafka, in monotonic seconds.
    """

    __slots__ = ("_on_done", "context", "lookup", "outcome", "processor", "read_at", "record", "size", "started")

    def __init__(
        self,
        record: InputRecord,
        context: object,
        processor: Processor,
        lookup: Lookup,
        on_done: Callable[[], None],
        *,
        read_at: float,
    ) -> None:
        self.record = record
        self.size = record.size
        self.context = context
        self.processor = processor
        self.lookup = lookup
        self.read_at = read_at
        self.outcome: Outcome | None = None
        self.started: float | None = None
        self._on_done = on_done

    def finish(self, outcome: Outcome) -> None:
        """Set the outcome, once: whatever comes after (a thread returning too late) is dropped."""
        if self.outcome is None:
            self.outcome = outcome
            self._on_done()


class RecordExecutor:
    """Runs processors in threads; the codecs release the interpreter lock while they work.

    A processor that raises, which is a bug, costs its record a dead letter and a log line with the traceback, not the
    partition: a crash would only meet the same record again. One that exceeds its time costs a dead letter as well;
    its thread cannot be ended, so it is counted, and when no thread is left the worker has to go: once what is finished
    is committed, see `check`. Otherwise the next life would meet the same records again, and so on for ever.

    Args:
        threads: Size of the pool.
        timeout: Seconds that one record may take, counted from when a thread begins it.
        metrics: Where abandoned records are shown.
        on_failure: Told when no usable thread is left, and nothing is committed for long.
    """

    def __init__(
        self, threads: int, timeout: float, metrics: Metrics, on_failure: Callable[[BaseException], None]
    ) -> None:
        self._threads = threads
        self._timeout = timeout
        self._metrics = metrics
        self._on_failure = on_failure
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="record")
        self._running: set[Job] = set()
        self._finished: deque[tuple[Job, Outcome]] = deque()
        self._handed_back = 0.0
        self._look_again: asyncio.TimerHandle | None = None
        self._abandoned = 0
        self._exhausted_at: float | None = None

    def submit(self, job: Job) -> None:
        """Queue a job; its outcome is set on the event loop."""
        loop = asyncio.get_running_loop()
        if self._look_again is None:
            self._look_again = loop.call_later(_HAND_BACK_WITHIN, self._take_back, loop)
        self._running.add(job)
        self._pool.submit(self._work, job, loop)

    def check(self) -> None:
        """Stop when no thread is left; called when everything that is finished is committed.

        Raises:
            ExecutorExhaustedError: When there is none.
        """
        if self._exhausted_at is not None:
            raise ExecutorExhaustedError(f"all {self._threads} threads hold records over their time")

    async def enforce_timeouts(self) -> None:
        """Look for records over their time, forever."""
        while True:
            await asyncio.sleep(min(1.0, self._timeout / 4))
            now = time.monotonic()
            for job in [job for job in self._running if job.started and now - job.started > self._timeout]:
                self._abandon(job)
            if self._exhausted_at is not None and now - self._exhausted_at > _COMMIT_WITHIN:
                try:
                    self.check()
                except ExecutorExhaustedError as error:
                    self._on_failure(error)

    def shutdown(self) -> None:
        """Accept nothing more; running threads are not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, job: Job, loop: asyncio.AbstractEventLoop) -> None:
        job.started = time.monotonic()
        try:
            self._finished.append((job, _process(job)))
        except BaseException as error:  # noqa: BLE001  a thread has nobody to raise to: the worker must hear of it
            loop.call_soon_threadsafe(self._on_failure, error)
            return
        now = time.monotonic()
        others_wait = len(self._running) - len(self._finished) >= self._threads
        if not others_wait or now - self._handed_back > _HAND_BACK_INTERVAL:
            self._handed_back = now
            loop.call_soon_threadsafe(self._take_back, loop)

    def _take_back(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the outcomes that there are, and look again later as long as there is work."""
        if self._look_again is not None:
            self._look_again.cancel()
        while self._finished:
            self._done(*self._finished.popleft())
        self._look_again = loop.call_later(_HAND_BACK_WITHIN, self._take_back, loop) if self._running else None

    def _done(self, job: Job, outcome: Outcome) -> None:
        self._running.discard(job)
        if job.outcome is not None:  # abandoned meanwhile; its thread is free again
            self._count_abandoned(-1)
        job.finish(outcome)

    def _abandon(self, job: Job) -> None:
        self._running.discard(job)
        self._count_abandoned(1)
        reason = f"took longer than {self._timeout:g} s to process; send shorter segments"
        job.finish(job.processor.reject(job.record, Rejection("compress", "ProcessingTimeout", "value", reason)))

    def _count_abandoned(self, change: int) -> None:
        self._abandoned += change
        self._metrics.abandoned_clips.set(self._abandoned)
        if self._abandoned < self._threads:
            self._exhausted_at = None
        elif self._exhausted_at is None:
            self._exhausted_at = time.monotonic()


def _process(job: Job) -> Outcome:
    try:
        if job.record.damage is not None:
            return job.processor.reject(job.record, job.record.damage.rejection)
        return job.processor.process(job.record, job.lookup)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001  a bug met by one record must not stop its partition
        return job.processor.reject(job.record, _bug(job.record, error))


def _bug(record: InputRecord, error: Exception) -> Rejection:
    log.error(
        "processor_raised",
        topic=record.position.topic,
        partition=record.position.partition,
        offset=record.position.offset,
        exception="".join(traceback.format_exception(error)),
    )
    reason = f"could not be processed, an error on our side: {type(error).__name__}"
    return Rejection("compress", type(error).__name__, "value", reason)
