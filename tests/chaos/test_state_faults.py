"""Faults of state directories have their described effect, and leave nothing mounted."""

from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.chaos.faults import state as faults


@pytest.fixture
def state(tmp_path: Path) -> Path:
    directory = tmp_path / "state"
    directory.mkdir()
    (directory / "table").mkdir()
    (directory / "table" / "log").write_bytes(bytes(range(256)) * 64)
    return directory


def cannot_write(state: Path) -> bool:
    more = state / "more"
    try:
        more.write_bytes(bytes(1 << 20))
        more.unlink()
    except OSError:
        return True
    return False


needs_mounts = pytest.mark.skipif(not faults.can_mount(), reason="needs the right to mount file systems")


@needs_mounts
@pytest.mark.parametrize("fault", [faults.StateReadOnly, faults.StateFull])
def test_a_disk_takes_nothing_until_it_is_repaired_and_is_not_mounted_afterwards(
    fault: Callable[[Random], faults.StateReadOnly | faults.StateFull], state: Path
) -> None:
    for _ in range(2):
        broken = fault(Random(1))
        broken._harm(state)  # noqa: SLF001  without a worker
        assert cannot_write(state)
        assert (state / "table" / "log").stat().st_size == 256 * 64
        broken._repair(state)  # noqa: SLF001
        (state / "more").unlink(missing_ok=True)
        assert not cannot_write(state)
    faults.unmount(state)
    assert str(state) not in Path("/proc/self/mountinfo").read_text()


def test_what_is_wiped_is_gone(state: Path) -> None:
    faults.StateWiped(Random(1))._harm(state)  # noqa: SLF001
    assert list(state.iterdir()) == []


def test_what_is_truncated_is_shorter_and_what_is_corrupted_is_not(state: Path) -> None:
    log, before = state / "table" / "log", (state / "table" / "log").read_bytes()
    faults.StateCorrupted(Random(1))._harm(state)  # noqa: SLF001
    corrupted = log.read_bytes()
    faults.StateTruncated(Random(1))._harm(state)  # noqa: SLF001

    assert corrupted != before
    assert len(corrupted) == len(before)
    assert log.stat().st_size < len(before)
