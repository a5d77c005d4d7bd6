"""The one way in which a worker ends when something is wrong: at once, with a message and a code."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from typing import NoReturn

import structlog
from aiokafka.errors import ProducerFenced

from streams.delivery.breaker import DeadLetterLimitError
from streams.runtime.exit_log import ExitLog
from streams.telemetry.logs import flush_logs
from streams.telemetry.metrics.worker import ExitReason

log = structlog.get_logger(__name__)

#: Seconds for the last line and the note for the next life.
_LAST_WORDS_SECONDS = 4.0

EXIT_FAILED = 1
EXIT_DEAD_LETTER_LIMIT = 3


class StalledError(Exception):
    """There is work, and none of it gets done; or nobody can tell. A fresh process starts clean."""


def fail_stop(exits: ExitLog, error: BaseException) -> NoReturn:
    """End the process without any clean-up.

    What is not committed is read again by whoever takes over, and starting there fences this process's producers: a
    clean-up could only do harm. The exit code tells an opened dead-letter breaker from everything else.

    Args:
        exits: Where the next life finds the reason.
        error: The reason.
    """
    code = EXIT_DEAD_LETTER_LIMIT if isinstance(error, DeadLetterLimitError) else EXIT_FAILED
    _end_within(_LAST_WORDS_SECONDS, code)
    log.critical("worker_failed", error=type(error).__name__, reason=str(error), exc_info=error)
    with contextlib.suppress(OSError):  # a full disk must not keep the process; the next life counts it as crashed
        exits.end(reason_of(error), f"{type(error).__name__}: {error}")
    flush_logs()
    os._exit(code)


def _end_within(seconds: float, code: int) -> None:
    """End the process after some time, whatever the caller waits for by then: a disk, a lock, a reader of the log."""
    timer = threading.Timer(seconds, os._exit, (code,))
    timer.daemon = True
    with contextlib.suppress(RuntimeError):  # no thread is to be had
        timer.start()


def reason_of(error: BaseException) -> ExitReason:
    """What kind of end an error makes."""
    if isinstance(error, DeadLetterLimitError):
        return "breaker"
    if isinstance(error, StalledError):
        return "stalled"
    return "fenced" if isinstance(error, ProducerFenced) else "crashed"


class Watchdog(threading.Thread):
    """Ends the worker when nobody has said for too long that all is well.

    A thread of its own, so that it also notices an event loop that no longer turns.

    Args:
        timeout: Seconds of silence that it tolerates.
        on_stall: Called once, from this thread.
        clock: Monotonic seconds.
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
        """Say that all is well: there is progress, or nothing to do."""
        self._last = self._clock()
        self._waits_for = ""

    def warn(self, waits_for: str) -> None:
        """Say that nothing moves, and what the worker waits for: the message that it ends with, if it comes to that."""
        self._waits_for = waits_for

    def stop(self) -> None:
        """Stop watching."""
        self._stopped.set()

    def run(self) -> None:
        """Watch until stopped."""
        while not self._stopped.wait(self._timeout / 10):
            silent = self._clock() - self._last
            if silent > self._timeout:
                what = self._waits_for or "the event loop gives no sign of life"
                self._on_stall(StalledError(f"no progress for {silent:.0f} s: {what}"))
                return
