"""Waiting for what a recording needs and the machine or a store does not give now."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import structlog

from schemas import Position
from streams.delivery.recording_control import RecordingControl
from streams.stores import StoreUnavailableError

log = structlog.get_logger(__name__)

T = TypeVar("T")

#: Seconds between two attempts, at first and at most; each is varied by half, so that workers do not try together.
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0
#: Seconds between two log lines about the same wait.
_LOG_INTERVAL = 60.0


class NoSpaceError(OSError):
    """The disk has no room for a recording now."""


class Patience:
    """Repeats what fails because of a store or this machine, which is never the fault of an input.

    Args:
        control: Of the recording; waiting does not count against its time, and ends when it is cancelled.
        position: Of the recording, for the log.
    """

    def __init__(self, control: RecordingControl, position: Position) -> None:
        self._control = control
        self._position = position

    def until_done(self, work: Callable[[], T]) -> T:
        """Do the work, again and again until a store and the disk allow it.

        Args:
            work: Raises `StoreUnavailableError` or `OSError` while they do not.

        Raises:
            RecordingCancelledError: When the recording was cancelled.
        """
        pause, logged = _FIRST_PAUSE, float("-inf")
        while True:
            self._control.check()
            try:
                return work()
            except (StoreUnavailableError, OSError) as error:
                if time.monotonic() - logged >= _LOG_INTERVAL:
                    logged = time.monotonic()
                    self._log(error)
            self._control.wait(pause * random.uniform(0.5, 1.5))  # noqa: S311  no secret
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _log(self, error: Exception) -> None:
        log.warning(
            "recording_waits",
            reason=str(error) or type(error).__name__,
            topic=self._position.topic,
            partition=self._position.partition,
            offset=self._position.offset,
        )
