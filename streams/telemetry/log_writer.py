"""Writes log lines from a thread of its own, so that nobody who logs ever waits for whoever reads them."""

import collections
import logging
import os
import select
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

#: Bytes of lines that wait: some ten thousand lines.
_MAX_WAITING_BYTES = 4 * 2**20
#: Bytes that are handed to the system at a time.
_CHUNK_BYTES = 64 * 2**10
#: Seconds until a line is tried again that a file refused (a full disk, say).
_RETRY_SECONDS = 1.0
#: Seconds that the last lines of a process may take.
FLUSH_SECONDS = 2.0


class LogWriter(logging.Handler):
    """Formats each line where it is logged, and writes it in a thread.

    When nobody reads, up to `most` bytes of lines wait; what comes then is dropped and counted, and a line says how
    many were dropped as soon as the others are written. Critical lines are never dropped.

    Args:
        descriptor: What is written to: a pipe, a file or a terminal, blocking or not.
        most: Bytes of lines that may wait.
        retry: Seconds until a write is tried again that the system refused.

    Attributes:
        dropped: Lines dropped so far.
    """

    def __init__(self, descriptor: int, most: int = _MAX_WAITING_BYTES, retry: float = _RETRY_SECONDS) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._most = most
        self._retry = retry
        self._waiting: collections.deque[bytes] = collections.deque()
        self._waiting_bytes = 0  # and those that are being written
        self._changed = threading.Condition()
        self._untold = 0
        self._on_drop: Callable[[int], object] = lambda _: None
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def count_drops(self, count: Callable[[int], object]) -> None:
        """Tell of every dropped line, those before this call included.

        Args:
            count: Called with a number of lines, from whatever thread has logged; it must not log.
        """
        with self._changed:
            self._on_drop = count
            if self.dropped:
                count(self.dropped)

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line; returns at once."""
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        except Exception as error:  # noqa: BLE001  arguments that do not fit their message, say
            line = self._unreadable(record, error)
        with self._changed:
            if self._waiting_bytes + len(line) > self._most and record.levelno < logging.CRITICAL:
                self._drop(1)
                return
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until everything is written, `FLUSH_SECONDS` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting_bytes, FLUSH_SECONDS)

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._untold += lines
        self._on_drop(lines)

    def _unreadable(self, record: logging.LogRecord, error: Exception) -> bytes:
        """A line in place of one that cannot be formatted; the standard library would print to the stream itself."""
        message = f"a line that cannot be formatted ({type(error).__name__}: {error}): {record.msg!r:.300}"
        substitute = logging.LogRecord(record.name, record.levelno, "", 0, "%s", (message,), None)
        return (self.format(substitute) + "\n").encode("utf-8", "backslashreplace")

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting)
                lines = self._next_lines()
            written = self._write(b"".join(lines))
            with self._changed:
                if not written:
                    self._drop(len(lines))
                self._waiting_bytes -= sum(map(len, lines))
                drained, untold = not self._waiting, self._untold
                if drained:
                    self._untold = 0
                self._changed.notify_all()
            if drained and untold:
                log.warning("log_lines_dropped", lines=untold)

    def _next_lines(self) -> list[bytes]:
        lines = [self._waiting.popleft()]
        size = len(lines[0])
        while self._waiting and size + len(self._waiting[0]) <= _CHUNK_BYTES:
            lines.append(self._waiting.popleft())
            size += len(lines[-1])
        return lines

    def _write(self, data: bytes) -> bool:
        """Write everything, however long it takes; returns whether somebody may read it."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # whoever made the pipe has set it so
                room = select.poll()
                room.register(self._descriptor, select.POLLOUT)
                room.poll(self._retry * 1000)
            except BrokenPipeError:  # nobody will ever read it
                return False
            except OSError:  # a disk that is full may have room again
                time.sleep(self._retry)
        return True
