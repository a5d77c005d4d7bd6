"""The control of one recording in progress: its progress, its waits for a store, and its cancellation."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class RecordingCancelledError(Exception):
    """The recording was cancelled: its partition went to another worker. It has no outcome."""


class RecordingControl:
    """Connects the threads that work on a recording with the worker, which may cancel it. Thread-safe.

    The time limit of a recording is for each step of its progress, so that the time for all grows with its length.
    Work of an object store does not count, nor waiting for one.

    Args:
        clock: Returns monotonic seconds.

    Attributes:
        seconds_done: Seconds of audio that are processed.
        seconds_total: Seconds of audio of the whole recording; None while unknown.
        on_progress: Called with both at each step, by the thread that made it.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._cancelled = threading.Event()
        self._untimed = 0
        self._waiting = 0
        self._last = clock()
        self.seconds_done = 0.0
        self.seconds_total: float | None = None
        self.on_progress: Callable[[float, float | None], None] = _ignore

    @property
    def waits(self) -> bool:
        """Whether the recording waits until it can go on."""
        return self._waiting > 0

    @property
    def silent_seconds(self) -> float:
        """Seconds since the last progress; 0 during what does not count."""
        return 0.0 if self._untimed else self._clock() - self._last

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
        self.on_progress(seconds_done, seconds_total)

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

    def wait(self, seconds: float) -> None:
        """Wait before another attempt, unless the recording is cancelled.

        Raises:
            RecordingCancelledError: When it was, also meanwhile.
        """
        self._waiting += 1  # by the recording's own thread only
        try:
            with self.untimed():
                self._cancelled.wait(seconds)
        finally:
            self._waiting -= 1
        self.check()

    @contextmanager
    def untimed(self) -> Iterator[None]:
        """Stop the time limit meanwhile."""
        with self._lock:
            self._untimed += 1
        try:
            yield
        finally:
            with self._lock:
                self._last = self._clock()
                self._untimed -= 1


def _ignore(_done: float, _total: float | None) -> None:
    """Nobody looks at the progress."""
