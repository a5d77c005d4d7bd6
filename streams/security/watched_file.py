"""A file that may change while the process runs: a mounted secret, say."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from typing import Generic, TypeVar

from streams.security.opening import open_file

T = TypeVar("T")
_LARGEST = 2**20  # bytes


class WatchedFileError(Exception):
    """The file cannot be used as it is now. The message is one line that names it, and has none of its content."""


class WatchedFile(Generic[T]):
    """Reads a file again whenever it was replaced or written; an unchanged file costs one system call.

    A file that cannot be used makes every reading fail until it is mended: what it said before may have been revoked.

    Args:
        path: The file.
        parse: Makes the value from the content; raises ValueError with what is wrong, without secrets.
    """

    def __init__(self, path: Path, parse: Callable[[bytes], T]) -> None:
        self._path = path
        self._parse = parse
        self._lock = Lock()
        self._version: tuple[int, ...] | None = None
        self._value: T | WatchedFileError

    def value(self) -> T:
        """What the file says now.

        Raises:
            WatchedFileError: If it cannot be read or has a mistake.
        """
        with self._lock:
            try:
                self._read_if_changed()
            except OSError as error:
                self._version = None
                raise WatchedFileError(f"{self._path}: {error.strerror}") from None
            if isinstance(self._value, WatchedFileError):
                raise self._value
            return self._value

    def _read_if_changed(self) -> None:
        if self._version == _version(self._path.stat()):
            return
        with open_file(self._path) as file:
            self._version = _version(os.fstat(file.fileno()))
            content = file.read(_LARGEST + 1)
        try:
            if len(content) > _LARGEST:
                raise ValueError(f"is larger than {_LARGEST} bytes")  # noqa: TRY301  one way out for every mistake
            self._value = self._parse(content)
        except (ValueError, RecursionError) as error:  # the latter for JSON in JSON in JSON
            self._value = WatchedFileError(f"{self._path}: {error}")


def _version(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns
