"""The account of the stores: keys given as text, or in files that are read again when they change."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from streams.security.watched_file import WatchedFile, WatchedFileError
from streams.stores.errors import StoreUnavailableError


class Secret(Protocol):
    """A secret text that may change while the process runs."""

    def current(self) -> str:
        """The text that is valid now.

        Raises:
            StoreUnavailableError: If it cannot be read.
        """


@dataclass(frozen=True, slots=True)
class FixedSecret:
    """A secret that stays as it is.

    Attributes:
        text: The secret.
    """

    text: str = field(repr=False)

    def current(self) -> str:
        """The text."""
        return self.text


class SecretFile:
    """A secret in a file, which is read again whenever the file has changed.

    Args:
        path: The file; a newline at its end is no part of the secret.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = WatchedFile(path, _text)

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    def current(self) -> str:
        """The text that the file has now.

        Raises:
            StoreUnavailableError: If it cannot be read.
        """
        try:
            return self._file.value()
        except WatchedFileError as error:
            raise StoreUnavailableError(f"the stores' account: {error}") from None


def _text(content: bytes) -> str:
    try:
        return content.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None


@dataclass(frozen=True, slots=True)
class Credentials:
    """The account of all buckets.

    Without keys, the account is what Amazon's own variables, files and services say, as with other S3 clients.

    Attributes:
        access_key: The account's name.
        secret_key: What requests are signed with.
    """

    access_key: Secret | None = field(default=None, repr=False)
    secret_key: Secret | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if (self.access_key is None) != (self.secret_key is None):
            raise ValueError("an access key and a secret key are needed, and only one of them is given")

    def current(self) -> tuple[str, str] | None:
        """Access key and secret key that are valid now; None without keys.

        Raises:
            StoreUnavailableError: If a file of theirs cannot be read.
        """
        if self.access_key is None or self.secret_key is None:
            return None
        return self.access_key.current(), self.secret_key.current()
