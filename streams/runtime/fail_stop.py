"""Fail-stop: the one way in which a worker ends on an error, at once, with a log line and an exit code."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import structlog
from aiokafka.errors import ProducerFenced

from streams.delivery.breaker import DeadLetterLimitError
from streams.kafka.denials import denial_of
from streams.runtime.exit_log import ExitLog
from streams.telemetry.logs import flush_logs
from streams.telemetry.metrics.worker import ExitReason

log = structlog.get_logger(__name__)

#: Seconds for writing the last log line and the exit history.
_REPORT_TIMEOUT = 4.0

EXIT_FAILED = 1
EXIT_DEAD_LETTER_LIMIT = 3


class StalledError(Exception):
    """The worker makes no progress although there is work, or its event loop is blocked. A new process may work."""


def fail_stop(exits: ExitLog, error: BaseException) -> NoReturn:
    """End the process at once, without clean-up.

    The partitions' next owners read uncommitted inputs again, and their start fences this process's producers: a
    clean-up could only do harm. The exit code distinguishes an open dead-letter breaker from all other errors.

    Args:
        exits: Stores the reason for the next run.
        error: The reason.
    """
    code = EXIT_DEAD_LETTER_LIMIT if isinstance(error, DeadLetterLimitError) else EXIT_FAILED
    _force_exit_after(_REPORT_TIMEOUT, code)
    log.critical("worker_failed", error=type(error).__name__, reason=denial_of(error) or str(error), exc_info=error)
    with contextlib.suppress(OSError):  # a full disk must not keep the process alive; the next run counts a crash
        exits.end(reason_of(error), f"{type(error).__name__}: {error}")
    flush_logs()
    os._exit(code)


def _force_exit_after(seconds: float, code: int) -> None:
    """End the process after some time even if the caller blocks: on a disk, a lock, or the reader of the log."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    with contextlib.suppress(RuntimeError):  # no thread can be started
        timer.start()


def reason_of(error: BaseException) -> ExitReason:
    """The kind of exit that an error causes."""
    if isinstance(error, DeadLetterLimitError):
        return "breaker"
    if isinstance(error, StalledError):
        return "stalled"
    return "fenced" if isinstance(error, ProducerFenced) else "crashed"


class Watchdog(threading.Thread):
    """Ends the worker when it has not been fed for too long.

    It is a thread of its own, so that it also detects a blocked event loop.

    Args:
        timeout: Seconds without a call of `feed` after which the worker has stalled.
        on_stall: Called once, from this thread.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        timeout: float,
        on_stall: Callable[[BaseException], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="watchdog", daemon=True)
        self._timeout = timeout
        self._on_stall = on_stall
        self._clock = clock
        self._last = clock()
        self._waits_for = ""
        self._stopped = threading.Event()

    def feed(self) -> None:
        """Report that the worker is well: it makes progress, or has nothing to do."""
        self._last = self._clock()
        self._waits_for = ""

    def warn(self, waits_for: str) -> None:
        """Report that there is no progress, and what the worker waits for; a stall's message contains it."""
        self._waits_for = waits_for

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()

    def run(self) -> None:
        """Check until stopped."""
        while not self._stopped.wait(self._timeout / 10):
            silent = self._clock() - self._last
            if silent > self._timeout:
                what = self._waits_for or "the event loop gives no sign of life"
                self._on_stall(StalledError(f"no progress for {silent:.0f} s: {what}"))
                return
