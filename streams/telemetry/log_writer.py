"""Writes log lines in a thread of its own, so that logging never waits for the reader of standard error."""

import collections
import logging
import os
import select
import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

#: Largest size of the queue in bytes: about ten thousand lines.
_MAX_WAITING_BYTES = 4 * 2**20
#: Largest size of one write in bytes.
_CHUNK_BYTES = 64 * 2**10
#: Seconds before a failed write (because of a full disk, for example) is repeated.
_RETRY_SECONDS = 1.0
#: Largest number of seconds to wait for the last lines when the process ends.
FLUSH_SECONDS = 2.0


class LogWriter(logging.Handler):
    """Formats each line in the thread that logs it, and writes it in another thread.

    If the output is not read, up to `most` bytes of lines are queued. Further lines are dropped and counted; once the
    queue is written, a line says how many were dropped. Critical lines are never dropped.

    Args:
        descriptor: File descriptor of a pipe, a file or a terminal, blocking or not.
        most: Largest size of the queue in bytes.
        retry: Seconds before a failed write is repeated.

    Attributes:
        dropped: Number of lines dropped so far.
    """

    def __init__(self, descriptor: int, most: int = _MAX_WAITING_BYTES, retry: float = _RETRY_SECONDS) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._most = most
        self._retry = retry
        self._waiting: collections.deque[bytes] = collections.deque()
        self._waiting_bytes = 0  # including lines that are being written
        self._changed = threading.Condition()
        self._unreported = 0
        self._on_drop: Callable[[int], object] = lambda _: None
        self.dropped = 0
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def count_drops(self, count: Callable[[int], object]) -> None:
        """Count every dropped line, including those before this call.

        Args:
            count: Called with a number of lines, in any thread; it must not log.
        """
        with self._changed:
            self._on_drop = count
            if self.dropped:
                count(self.dropped)

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a line without waiting."""
        try:
            line = (self.format(record) + "\n").encode("utf-8", "backslashreplace")
        except Exception as error:  # noqa: BLE001  for example, arguments that do not fit their message
            line = self._unreadable(record, error)
        with self._changed:
            if self._waiting_bytes + len(line) > self._most and record.levelno < logging.CRITICAL:
                self._drop(1)
                return
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait until all lines are written, for `FLUSH_SECONDS` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting_bytes, FLUSH_SECONDS)

    def _drop(self, lines: int) -> None:
        self.dropped += lines
        self._unreported += lines
        self._on_drop(lines)

    def _unreadable(self, record: logging.LogRecord, error: Exception) -> bytes:
        """Make a line in place of one that cannot be formatted; the standard library would print to standard error."""
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
                drained, unreported = not self._waiting, self._unreported
                if drained:
                    self._unreported = 0
                self._changed.notify_all()
            if drained and unreported:
                log.warning("log_lines_dropped", lines=unreported)

    def _next_lines(self) -> list[bytes]:
        lines = [self._waiting.popleft()]
        size = len(lines[0])
        while self._waiting and size + len(self._waiting[0]) <= _CHUNK_BYTES:
            lines.append(self._waiting.popleft())
            size += len(lines[-1])
        return lines

    def _write(self, data: bytes) -> bool:
        """Write all data, however long it takes; return False if the pipe has no reader any more."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # the pipe is non-blocking and full
                room = select.poll()
                room.register(self._descriptor, select.POLLOUT)
                room.poll(self._retry * 1000)
            except BrokenPipeError:  # there is no reader any more
                return False
            except OSError:  # a full disk may have room again later
                time.sleep(self._retry)
        return True
