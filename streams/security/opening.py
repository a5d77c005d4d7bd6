"""Opens files that settings name, and never waits for a named pipe."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_file(path: Path) -> BinaryIO:
    """Open a file for reading, or a pipe that the process was given, such as ``/dev/fd/3``.

    Raises:
        OSError: If it cannot be opened, or is a named pipe, which would be waited for until somebody writes to it.
    """
    require_no_named_pipe(path)
    return path.open("rb")


def require_no_named_pipe(path: Path) -> None:
    """Make sure that a file can be opened without waiting for somebody who writes to it; for what opens it by its path.

    Raises:
        OSError: If it is a named pipe, or is not there.
    """
    # The link of a pipe without a name leads to no path.
    if stat.S_ISFIFO(path.stat().st_mode) and os.path.exists(os.path.realpath(path)):  # noqa: PTH110  as realpath
        raise OSError(errno.EINVAL, "is a named pipe, and no file")
