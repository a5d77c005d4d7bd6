"""Tests in several processes side by side (pytest-xdist): which stay together, in which order, and how all end."""

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

#: Those that wait most come first; the short ones at the end fill what is left of each process's time.
_TIERS = ("chaos", "e2e", "ops", "packaging", "integration", "contract", "unit")
_END_TIMEOUT_S = 60.0
_POLL_S = 0.1


def ordered(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return tests in the order in which they are handed out."""

    def rank(item: pytest.Item) -> tuple[int, bool]:
        tier = next((part for part in item.path.parts if part in _TIERS), _TIERS[-1])
        return _TIERS.index(tier), group(item) is None

    return sorted(items, key=rank)


def group(item: pytest.Item) -> str | None:
    """Return the name of the tests that run in the same process as this one, each after the other."""
    mark = item.get_closest_marker("xdist_group")
    return None if mark is None else str(mark.args[0])


def write_groups(items: Sequence[pytest.Item], file: Path) -> None:
    """Write the groups for GroupScheduling, which is in another process and knows the tests by their ids alone."""
    groups = {item.nodeid: name for item in items if (name := group(item)) is not None}
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    draft.write_text(json.dumps(groups))
    draft.replace(file)


class GroupScheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist ships no types
    """Hands out tests one by one, those of a group together.

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
    """Let the first of the signals that end a process end the tests in it, and the others not disturb its cleaning up.

    At Ctrl-C the terminal sends one signal, and the process that has started this one another.
    """
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def end(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    for number in numbers:
        signal.signal(number, end)


def note_end(directory: Path) -> None:
    """Let EndProcesses know that this process has cleaned up."""
    _end_note(directory, os.getpid()).touch()


def _end_note(directory: Path, pid: int) -> Path:
    return directory / f"ended-{pid}"


class EndProcesses:
    """A plugin of the process that has started the others: ended itself, it ends them, and waits while they clean up.

    pytest-xdist would end them before they have stopped what their tests have started.

    Args:
        directory: The session's.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def pytest_keyboard_interrupt(self) -> None:
        """Pass it on."""
        processes = psutil.Process().children()
        for process in processes:
            process.send_signal(signal.SIGINT)
        until = time.monotonic() + _END_TIMEOUT_S
        while any(map(self._works, processes)) and time.monotonic() < until:
            time.sleep(_POLL_S)

    def _works(self, process: psutil.Process) -> bool:
        return process.is_running() and not _end_note(self._directory, process.pid).exists()
