"""A worker's state directory: locked, checked to be writable, with the member id that is kept over restarts."""

import contextlib
import fcntl
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger(__name__)

_LOCK = "worker.lock"
_MEMBER = "member-id"
_MEMBER_ID = re.compile(r"[0-9a-f]{32}")
#: Holds the inode number of the member id's file: a copied directory has another one.
_INODE = "member-id.inode"
_PROBE = "probe"
#: Bytes of the write test; opening a worker's tables takes some hundred kilobytes.
_PROBE_BYTES = 2**20


class StateDirectoryError(Exception):
    """The directory cannot be used. The message is one line that names the setting."""


@contextlib.contextmanager
def own_state_directory(directory: Path) -> Iterator[str]:
    """Lock a directory for this process, and yield the worker's member id.

    With the member id, a worker that restarts quickly is a known member of its group (static membership): it gets its
    partitions back without a rebalance. The id is stored here because the lock prevents its use by a second worker. A
    directory that was copied, from another worker or a backup, gets a new id, because the old one may be in use.

    A worker that can join its group but not open its tables would repeatedly get partitions and end; so a write is
    tested first.

    Args:
        directory: The directory; created if it is missing.

    Yields:
        32 hexadecimal digits, the same as long as the directory is not copied or removed.

    Raises:
        StateDirectoryError: When another worker uses the directory, or it cannot be written.
    """
    try:
        lock, member = _take(directory)
    except BlockingIOError:
        raise StateDirectoryError(
            f"AUDIO_STATE_DIR={directory}: another worker uses it; give each worker its own"
        ) from None
    except OSError as error:
        raise StateDirectoryError(_told(directory, error)) from None
    with lock:
        yield member


def check_state_directory(directory: Path) -> bool:
    """Check that a worker could use a directory, or one does already. It is not made, and nothing stays in it.

    Returns:
        Whether it exists.

    Raises:
        StateDirectoryError: If it cannot be written, or not be made.
    """
    try:
        return try_directory(directory)
    except OSError as error:
        raise StateDirectoryError(_told(directory, error)) from None


def try_directory(directory: Path) -> bool:
    """Try to write into a directory, or where it would be made. Nothing stays there.

    Returns:
        Whether it exists.

    Raises:
        OSError: If it cannot be written, or not be made.
    """
    with contextlib.suppress(FileNotFoundError):
        directory.lstat()  # a name that is too long is not there, and cannot be made
    # A symbolic link that leads nowhere is there, and no directory can be made in its place.
    nearest = next(one for one in (directory, *directory.absolute().parents) if os.path.lexists(one))
    with tempfile.TemporaryFile(dir=nearest) as file:
        _write_and_sync(file)
    return directory.is_dir()


def _told(directory: Path, error: OSError) -> str:
    return f"AUDIO_STATE_DIR={directory}: {error.strerror}"


def _take(directory: Path) -> tuple[IO[str], str]:
    directory.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as on_error:
        lock = on_error.enter_context((directory / _LOCK).open("w"))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _try_writing(directory)
        member = _member_id(directory)
        on_error.pop_all()
    return lock, member


def _try_writing(directory: Path) -> None:
    probe = directory / _PROBE
    try:
        with probe.open("wb") as file:
            _write_and_sync(file)
    finally:
        probe.unlink(missing_ok=True)


def _write_and_sync(file: IO[bytes]) -> None:
    file.write(bytes(_PROBE_BYTES))
    file.flush()
    os.fsync(file.fileno())


def _member_id(directory: Path) -> str:
    path = directory / _MEMBER
    with contextlib.suppress(FileNotFoundError, UnicodeDecodeError):
        if _MEMBER_ID.fullmatch(known := path.read_text()) and not _is_copy(path):
            return known
    member = uuid.uuid4().hex
    _write(path, member)
    _write(directory / _INODE, str(path.stat().st_ino))
    return member


def _is_copy(path: Path) -> bool:
    """Whether a member id was written in another directory; an id of an old release, without an inode, was not."""
    noted, inode = path.with_name(_INODE), str(path.stat().st_ino)
    if not noted.exists():
        _write(noted, inode)
    if noted.read_text() == inode:
        return False
    log.warning("state_directory_copied", path=str(path.parent), reason="the worker joins its group as a new member")
    return True


def _write(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text)
    draft.replace(path)
