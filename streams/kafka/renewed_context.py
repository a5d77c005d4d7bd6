"""TLS contexts whose files are read again when somebody has replaced them."""

import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

_State = tuple[tuple[int, int, int] | None, ...]  # inode, size and time of change of each file


class RenewedContext(ssl.SSLContext):
    """A TLS context that gives each new connection what its files have at that moment; open connections stay.

    While files are replaced one after the other, they may not fit: new connections then have what fitted last.

    Args:
        protocol: `ssl.PROTOCOL_TLS_CLIENT` or `ssl.PROTOCOL_TLS_SERVER`.
        load: Reads the files into a new context; raises ValueError if they cannot be used.
        files: Those files.

    Raises:
        ValueError: As ``load``.
    """

    def __new__(cls, protocol: int, *_: object) -> "RenewedContext":
        """Make an empty context."""
        return super().__new__(cls, protocol)

    def __init__(self, protocol: int, load: Callable[[ssl.SSLContext], None], files: Sequence[Path]) -> None:
        self._protocol, self._load, self._files = protocol, load, tuple(files)
        self._lock = threading.Lock()  # a process has event loops in several threads
        self._state = self._state_of_files()
        load(self)
        self._latest: ssl.SSLContext = self

    def wrap_bio(self, *args: Any, **kwargs: Any) -> ssl.SSLObject:
        """Begin a connection of an event loop."""
        latest = self.latest()
        return super().wrap_bio(*args, **kwargs) if latest is self else latest.wrap_bio(*args, **kwargs)

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Begin a connection of a socket."""
        latest = self.latest()
        return super().wrap_socket(*args, **kwargs) if latest is self else latest.wrap_socket(*args, **kwargs)

    def latest(self) -> ssl.SSLContext:
        """The context for a connection that begins now."""
        with self._lock:
            if (state := self._state_of_files()) != self._state:
                self._state = state
                context = ssl.SSLContext(self._protocol)
                try:
                    self._load(context)
                except ValueError as error:
                    log.warning("new TLS files cannot be used, and connections begin with those before: %s", error)
                else:
                    log.info("TLS files were read again: %s", ", ".join(map(str, self._files)))
                    self._latest = context
            return self._latest

    def _state_of_files(self) -> _State:
        return tuple(map(_state_of, self._files))


def _state_of(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
