"""A process's log through a pipe whose reader can be paused, like a log collector that hangs."""

import contextlib
import fcntl
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

#: Bytes; the smallest pipe that Linux has, filled by some ten lines.
_PIPE_BYTES = 4096


class LogPipe:
    """Appends the data of pipes to a file.

    Args:
        file: The log.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._readers: list[subprocess.Popen[bytes]] = []

    @contextlib.contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """A new pipe for one process; its reader ends when all writers have closed it."""
        with self._file.open("ab") as log:
            reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log, start_new_session=True)
        self._readers = [*(one for one in self._readers if one.poll() is None), reader]
        assert reader.stdin is not None
        with reader.stdin as pipe:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            yield pipe

    def pause(self) -> None:
        """Stop reading."""
        for reader in self._readers:
            reader.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Read the pending data, and go on reading."""
        for reader in self._readers:
            reader.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Read to the end; only when all writers have ended."""
        self.resume()
        for reader in self._readers:
            reader.wait()
