"""Tests in several parallel processes (pytest-xdist): their groups, their order, and how the processes end."""

import json
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import psutil
import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

#: The tests with the longest waits come first; short ones at the end fill the remaining time of each process.
#: The longest group of all builds the image and uses it.
_TIERS = ("packaging", "chaos", "deployment", "e2e", "kubernetes", "ops", "integration", "contract", "unit")
_END_TIMEOUT_S = 60.0
_POLL_S = 0.1


def ordered(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they are started."""

    def rank(item: pytest.Item) -> tuple[int, bool]:
        tier = next((part for part in item.path.parts if part in _TIERS), _TIERS[-1])
        return _TIERS.index(tier), group(item) is None

    return sorted(items, key=rank)


def group(item: pytest.Item) -> str | None:
    """Return the name of a test's group, whose tests run in one process, one after the other."""
    mark = item.get_closest_marker("xdist_group")
    return None if mark is None else str(mark.args[0])


def write_groups(items: Sequence[pytest.Item], file: Path) -> None:
    """Write the groups for GroupScheduling, which is in another process and knows only the tests' ids."""
    groups = {item.nodeid: name for item in items if (name := group(item)) is not None}
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(groups))
    draft.replace(file)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Distributes tests one by one, those of a group together.

    pytest-xdist's own `--dist loadgroup` does the same, but pytest-xdist 3.8 finds no groups under pytest 9.2.
    """

    def __init__(self, config: pytest.Config, log: Producer, groups: Path) -> None:
        super().__init__(config, log)
        self._file = groups
        self._groups: dict[str, str] | None = None

    def _split_scope(self, nodeid: str) -> str:
        if self._groups is None:
            self._groups = json.loads(self._file.read_text())
        return self._groups.get(nodeid, nodeid)


def end_once() -> None:
    """End the tests at the first terminating signal, and ignore further ones, so that they do not disturb the cleanup.

    At Ctrl-C both the terminal and the parent process send a signal.
    """
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, end)


def note_end(directory: Path) -> None:
    """Tell EndProcesses that this process has cleaned up."""
    _end_note(directory, os.getpid()).touch()


def _end_note(directory: Path, pid: int) -> Path:
    return directory / f"ended-{pid}"


class EndProcesses:
    """A plugin of the parent process: when it is interrupted, it ends its children, and waits while they clean up.

    pytest-xdist would end them before they have stopped the processes that their tests have started.

    Args:
        directory: The session's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def pytest_keyboard_interrupt(self) -> None:
        """Send the interrupt to the children."""
        processes = psutil.Process().children()
        for process in processes:
            process.send_signal(signal.SIGINT)
        until = time.monotonic() + _END_TIMEOUT_S
        while any(map(self._works, processes)) and time.monotonic() < until:
            time.sleep(_POLL_S)

    def _works(self, process: psutil.Process) -> bool:
        return process.is_running() and not _end_note(self._directory, process.pid).exists()
