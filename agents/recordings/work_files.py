"""The directory for the files of recordings in progress."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Bytes that stay free on the disk, for the tables and logs of the worker.
_RESERVE_BYTES = 256 * 2**20
#: A file as large as the input at most: the result is never larger, but a header may be.
_FILES = 2


class WorkFiles:
    """Gives each recording in progress a directory, which is removed with it.

    Args:
        root: Directory of all of them; what a killed process left there is removed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        remove_all(root)
        root.mkdir(parents=True, mode=0o700, exist_ok=True)

    @contextmanager
    def directory(self) -> Iterator[Path]:
        """Make a directory for one recording.

        Raises:
            OSError: If it cannot be made.
        """
        made = tempfile.mkdtemp(dir=self._root)
        try:
            yield Path(made)
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def lacks(self, size: int) -> int:
        """Bytes that must become free before a recording fits on the disk, with its result; 0 if it does.

        Args:
            size: Bytes of the recording.

        Raises:
            OSError: If the disk does not answer.
        """
        return max(0, _FILES * size + _RESERVE_BYTES - shutil.disk_usage(self._root).free)


def remove_all(root: Path) -> None:
    """Remove the files of all recordings in progress, which their threads need no more: nobody's audio stays behind."""
    shutil.rmtree(root, ignore_errors=True)
