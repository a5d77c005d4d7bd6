"""The thread pool that turns inputs into outcomes, each within a time limit."""

import asyncio
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from schemas import Rejection
from streams.delivery.job import Job
from streams.delivery.outcome import InputRecord, Outcome, ReportT
from streams.delivery.recording_control import RecordingCancelledError
from streams.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

#: Minimum seconds between two hand-backs of finished jobs to the event loop, while other jobs wait for a thread. Each
#: costs a thread switch and an iteration of the loop: for a small record, more than all the loop's other work.
_HAND_BACK_INTERVAL = 0.005
#: Seconds after which the loop collects finished jobs by itself: all threads may be busy with long records by then.
_HAND_BACK_WITHIN = 0.02

#: Seconds for the commit of the dead letters of records that hold all threads: several times what brokers need to
#: replace a failed one.
_COMMIT_WITHIN = 30.0


class ExecutorExhaustedError(Exception):
    """Every thread holds a record that is over its time limit. Only a new process has free threads."""


class RecordExecutor:
    """Runs processors in threads; the codecs release the interpreter lock while they work.

    If a processor raises, which is a bug, its record becomes a dead letter and the traceback is logged. The worker does
    not end: after its restart, it would meet the same record again. A record over its time limit becomes a dead letter
    as well. Its thread cannot be ended, so it is counted as lost until it returns. When all threads are lost, the
    worker ends, once every finished input is committed, see `check`: otherwise the restarted worker would meet the same
    records again, without end.

    Args:
        threads: Size of the pool.
        timeout: Maximum seconds for one record, counted from when a thread starts it; for a recording, for each of its
            steps.
        metrics: Where abandoned records are shown.
        on_failure: Called when all threads are lost and nothing has been committed for long.
        name: Prefix of the threads' names.
        begin: Called at the start of each thread.
    """

    def __init__(
        self,
        threads: int,
        timeout: float,
        metrics: Metrics,
        on_failure: Callable[[BaseException], None],
        *,
        name: str = "record",
        begin: Callable[[], None] | None = None,
    ) -> None:
        self._threads = threads
        self._timeout = timeout
        self._metrics = metrics
        self._on_failure = on_failure
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name, initializer=begin)
        self._running: set[Job[Any]] = set()  # each agent has its own type of report
        self._finished: deque[tuple[Job[Any], Outcome[Any]]] = deque()
        self._handed_back = 0.0
        self._hand_back_timer: asyncio.TimerHandle | None = None
        self._abandoned = 0
        self._exhausted_at: float | None = None

    def submit(self, job: Job[ReportT]) -> None:
        """Queue a job; its outcome is set on the event loop."""
        loop = asyncio.get_running_loop()
        if self._hand_back_timer is None:
            self._hand_back_timer = loop.call_later(_HAND_BACK_WITHIN, self._hand_back, loop)
        self._running.add(job)
        self._pool.submit(self._work, job, loop)

    @property
    def unfinished(self) -> int:
        """Jobs that are running or wait for a thread."""
        return len(self._running)

    def check(self) -> None:
        """Raise when all threads are lost; call it when every finished input is committed.

        Raises:
            ExecutorExhaustedError: When no thread is left.
        """
        if self._exhausted_at is not None:
            raise ExecutorExhaustedError(f"all {self._threads} threads hold records over their time")

    async def enforce_timeouts(self) -> None:
        """Abandon records that are over their time limit, forever."""
        while True:
            await asyncio.sleep(min(1.0, self._timeout / 4))
            now = time.monotonic()
            for job in list(self._running):
                if reason := job.overdue(self._timeout):
                    self._abandon(job, reason)
            if self._exhausted_at is not None and now - self._exhausted_at > _COMMIT_WITHIN:
                try:
                    self.check()
                except ExecutorExhaustedError as error:
                    self._on_failure(error)

    def shutdown(self) -> None:
        """Accept no more jobs and drop the waiting ones, without waiting for running threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self, job: Job[ReportT], loop: asyncio.AbstractEventLoop) -> None:
        job.started = time.monotonic()
        try:
            self._finished.append((job, _process(job)))
        except RecordingCancelledError:
            loop.call_soon_threadsafe(self._drop, job)
            return
        except BaseException as error:  # noqa: BLE001  a thread has no caller to raise to: the worker ends
            loop.call_soon_threadsafe(self._on_failure, error)
            return
        now = time.monotonic()
        others_wait = len(self._running) - len(self._finished) >= self._threads
        if not others_wait or now - self._handed_back > _HAND_BACK_INTERVAL:
            self._handed_back = now
            loop.call_soon_threadsafe(self._hand_back, loop)

    def _hand_back(self, loop: asyncio.AbstractEventLoop) -> None:
        """Set the outcomes of finished jobs, and come back later while jobs are running."""
        if self._hand_back_timer is not None:
            self._hand_back_timer.cancel()
        while self._finished:
            self._done(*self._finished.popleft())
        self._hand_back_timer = None
        if self._running:
            self._hand_back_timer = loop.call_later(_HAND_BACK_WITHIN, self._hand_back, loop)

    def _drop(self, job: Job[ReportT]) -> None:
        """Forget a job that was cancelled: it has no outcome, unless it was abandoned before."""
        self._running.discard(job)
        if job.outcome is not None:
            self._count_abandoned(-1)

    def _done(self, job: Job[ReportT], outcome: Outcome[ReportT]) -> None:
        self._running.discard(job)
        if job.outcome is not None:  # the job was abandoned; its thread is free again
            self._count_abandoned(-1)
        job.finish(outcome)

    def _abandon(self, job: Job[ReportT], reason: str) -> None:
        self._running.discard(job)
        self._count_abandoned(1)
        job.finish(job.handler.reject(job.record, Rejection("compress", "ProcessingTimeout", "value", reason)))

    def _count_abandoned(self, change: int) -> None:
        self._abandoned += change
        self._metrics.abandoned_clips.inc(change)
        if self._abandoned < self._threads:
            self._exhausted_at = None
        elif self._exhausted_at is None:
            self._exhausted_at = time.monotonic()


def _process(job: Job[ReportT]) -> Outcome[ReportT]:
    try:
        if job.record.damage is not None:
            return job.handler.reject(job.record, job.record.damage.rejection)
        return job.run()
    except (MemoryError, RecordingCancelledError):
        raise
    except Exception as error:  # noqa: BLE001  a bug that one record meets must not stop its partition
        return job.handler.reject(job.record, _bug(job.record, error))


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
