"""A process's log through a pipe: whoever reads it can be held up, as a log collector that hangs."""

import contextlib
import fcntl
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO

#: The smallest that Linux has: some ten lines fill it.
_PIPE_BYTES = 4096


class LogPipe:
    """Writes what comes through pipes to the end of a file.

    Args:
        file: The log.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._readers: list[subprocess.Popen[bytes]] = []

    @contextlib.contextmanager
    def opened(self) -> Iterator[IO[bytes]]:
        """A new pipe, for one process that is started with it; its reader ends with the last who writes."""
        with self._file.open("ab") as log:
            reader = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=log, start_new_session=True)
        self._readers = [*(one for one in self._readers if one.poll() is None), reader]
        assert reader.stdin is not None
        with reader.stdin as pipe:
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            yield pipe

    def hold_up(self) -> None:
        """Let nobody read."""
        for reader in self._readers:
            reader.send_signal(signal.SIGSTOP)

    def read_on(self) -> None:
        """Read what has come meanwhile, and go on reading."""
        for reader in self._readers:
            reader.send_signal(signal.SIGCONT)

    def end(self) -> None:
        """Read to the end; only when nobody writes any more."""
        self.read_on()
        for reader in self._readers:
            reader.wait()
