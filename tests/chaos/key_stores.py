"""The key store of a bench: a copy for each worker, which faults take away, damage or exchange."""

import contextlib
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.chaos.opening import Opener

#: What can happen to a worker's copy, by name.
HARMS: Mapping[str, Callable[[Path], object]] = {
    "gone": Path.unlink,
    "truncated": lambda copy: copy.write_bytes(copy.read_bytes()[:100]),
    "read-only": lambda copy: copy.chmod(0o400),
    "open to everybody": lambda copy: copy.chmod(0o644),
}
#: The copy is one of another key store.
FOREIGN = "of another installation"


class BenchKeyStores:
    """Copies of one key store, as each machine of an installation has one.

    Args:
        directory: For the files.
        make: Makes a key store in a file.

    Attributes:
        opener: Opens what the workers seal.
    """

    def __init__(self, directory: Path, make: Callable[[Path], None]) -> None:
        self._directory = directory
        self._installed, self._foreign = directory / "installed", directory / "foreign"
        make(self._installed)
        make(self._foreign)
        self.opener = Opener(self._installed)
        self._harmed: dict[int, int] = {}

    def settings(self, number: int) -> dict[str, str]:
        """The settings of a worker that seals; its copy is made."""
        self._mend(number)
        return {"AUDIO_SEALING": "on", "AUDIO_KEY_STORE": f"file://{self._copy_of(number)}"}

    @contextlib.contextmanager
    def harmed(self, number: int, how: str) -> Iterator[None]:
        """Harm a worker's copy by one of `HARMS` or as `FOREIGN`, and mend it when no fault harms it any more."""
        self._harmed[number] = self._harmed.get(number, 0) + 1
        try:
            self._mend(number)
            if how == FOREIGN:
                _copy(self._foreign, self._copy_of(number))
            else:
                HARMS[how](self._copy_of(number))
            yield
        finally:
            self._harmed[number] -= 1
            if not self._harmed[number]:
                self._mend(number)

    def _copy_of(self, number: int) -> Path:
        return self._directory / f"worker-{number}"

    def _mend(self, number: int) -> None:
        _copy(self._installed, self._copy_of(number))


def _copy(source: Path, target: Path) -> None:
    """Put a key store in place of another, all at once and for its owner alone."""
    draft = target.with_suffix(".new")
    shutil.copyfile(source, draft)
    draft.chmod(0o600)
    draft.replace(target)
