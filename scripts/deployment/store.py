"""Keeps the record of a deployment, and the configurations that it needs, in a directory of this machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.secret_files import write_secret
from scripts.deployment.errors import DeploymentError, LockedError, StepError
from scripts.deployment.record import Record

_RECORD, _LOCK, _SETTINGS = "record.json", "lock", "settings"


class DirectoryStore:
    """A directory with one record. Its files may hold secrets, as configurations do: their owner alone can read them.

    Args:
        directory: Made when it is needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other processes away; the lock ends with the process, however that ends.

        Raises:
            LockedError: If another process has it.
            DeploymentError: If the directory cannot be used.
        """
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            file = (self.directory / _LOCK).open("w")
        except OSError as error:
            raise DeploymentError(f"{self.directory}: {error.strerror}") from None
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise LockedError("another deployment is under way; wait for its end") from None
            yield

    def load(self) -> Record | None:
        """The record; None if there is none yet.

        Raises:
            DeploymentError: If it cannot be read.
        """
        path = self.directory / _RECORD
        try:
            return Record.from_json(path.read_text())
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DeploymentError(f"{path}: {error}; look at what runs, then remove the file") from None

    def save(self, record: Record) -> None:
        """Replace the record, and remove configurations that it does not name any more.

        Raises:
            StepError: If it cannot be written, as on a full disk; the record is then the one before.
        """
        self._write(self.directory / _RECORD, record.to_json())
        kept = {version.settings for version in (record.before, record.after) if version is not None}
        for path in (self.directory / _SETTINGS).glob("*.yaml"):
            if path.stem not in kept:
                path.unlink()

    def save_settings(self, name: str, text: str) -> None:
        """Keep a configuration under its digest; raises as `save`."""
        self._write(self.settings_file(name), text)

    def settings_file(self, name: str) -> Path:
        """Where a configuration is kept."""
        return self.directory / _SETTINGS / f"{name}.yaml"

    def _write(self, path: Path, text: str) -> None:
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            write_secret(path, text.encode())
        except OSError as error:
            raise StepError(f"{path} cannot be written: {error.strerror}") from None
