"""The control of one recording in progress: its progress, its waits for a store, and its cancellation."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class RecordingCancelledError(Exception):
    """The recording was cancelled: its partition went to another worker, or the worker stops. It has no outcome."""


class RecordingControl:
    """Connects the threads that work on a recording with the worker, which may cancel it. Thread-safe.

    The time limit of a recording is for each step of its progress, so that the time for all grows with its length.
    Waiting for an unavailable object store does not count.

    Args:
        clock: Returns monotonic seconds.

    Attributes:
        seconds_done: Seconds of audio that are processed.
        seconds_total: Seconds of audio of the whole recording; None while unknown.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._waits = 0
        self._last = clock()
        self.seconds_done = 0.0
        self.seconds_total: float | None = None

    @property
    def waits(self) -> bool:
        """Whether the recording waits for a store."""
        return self._waits > 0

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last progress; 0 while it waits for a store."""
        return 0.0 if self._waits else self._clock() - self._last

    def started(self) -> None:
        """Note that a thread begins with the recording: from now on, it has to make progress."""
        self._last = self._clock()

    def progressed(self, seconds_done: float, seconds_total: float | None = None) -> None:
        """Note how much is done.

        Args:
            seconds_done: Seconds of audio that are processed.
            seconds_total: Seconds of audio of the whole recording, if they are known.

        Raises:
            RecordingCancelledError: When the recording was cancelled.
        """
        self.check()
        self._last = self._clock()
        self.seconds_done, self.seconds_total = seconds_done, seconds_total

    def cancel(self) -> None:
        """Make the recording's threads end at their next step."""
        self._cancelled.set()

    def check(self) -> None:
        """Raise once the recording was cancelled.

        Raises:
            RecordingCancelledError: When it was.
        """
        if self._cancelled.is_set():
            raise RecordingCancelledError

    def pause(self, seconds: float) -> None:
        """Wait, unless the recording is cancelled.

        Raises:
            RecordingCancelledError: When it was, also meanwhile.
        """
        self._cancelled.wait(seconds)
        self.check()

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Stop the time limit while waiting for a store."""
        with self._lock:
            self._waits += 1
        try:
            yield
        finally:
            with self._lock:
                self._last = self._clock()
                self._waits -= 1
