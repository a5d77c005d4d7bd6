"""Secrets that come from files, which are read again when somebody has replaced them."""

import logging
from collections.abc import Callable

log = logging.getLogger(__name__)


class FileSecret(str):
    """A secret's text as its file had it at first, which can be read again.

    Args:
        text: The text as it was read.
        read: Reads the file again; raises OSError or ValueError if it cannot be used.
    """

    __slots__ = ("_last", "_read")
    _last: str
    _read: Callable[[], str]

    def __new__(cls, text: str, read: Callable[[], str]) -> "FileSecret":
        """Make the text."""
        made = super().__new__(cls, text)
        made._last, made._read = text, read
        return made

    def __getnewargs__(self) -> tuple[str, Callable[[], str]]:  # type: ignore[override]  # str has one argument
        """The arguments for a copy, which `dataclasses` makes."""
        return str(self), self._read

    def latest(self) -> str:
        """The text as the file has it now; if the file cannot be used, as it was before."""
        try:
            self._last = self._read()
        except (OSError, ValueError) as error:
            log.warning("a secret's file cannot be read again, and the secret stays as it was: %s", error)
        return self._last


def latest(secret: str) -> str:
    """A secret as it is now, wherever it comes from."""
    return secret.latest() if isinstance(secret, FileSecret) else secret
