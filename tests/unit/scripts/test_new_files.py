"""Files that commands write: nothing is replaced, and a full disk leaves no part of one."""

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cli import CommandError
from scripts.commands._json import write_json
from scripts.commands._new_files import write_new

LIMIT = 1000


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 1000 bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("size", [LIMIT + 1, 100 * LIMIT])
def test_a_file_that_cannot_be_written_to_its_end_does_not_stay(tmp_path: Path, size: int) -> None:
    with pytest.raises(OSError, match="too large"):
        write_new(tmp_path / "any-0.ogg", bytes(size))
    assert not list(tmp_path.iterdir())


def test_a_file_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "any-0.ogg"
    assert write_new(path, b"one")
    assert write_new(path, b"one")
    assert not write_new(path, b"two")
    assert path.read_bytes() == b"one"


def test_a_report_that_cannot_be_written_is_told() -> None:
    with pytest.raises(CommandError, match="/dev/full: No space left on device"):
        write_json("/dev/full", {})
