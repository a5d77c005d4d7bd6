"""Memory use of the process and its limit, from its control groups or from the settings."""

import contextlib
import ctypes
import os
from pathlib import Path

import psutil

from streams.cache import MemoryUse

#: Version 1 reports no limit as a number far above any machine's memory.
_UNLIMITED = 2**60


class MemoryGauge:
    """Reads the memory use and its limit.

    Args:
        configured: Limit in bytes for this process, or None for the limits of its control groups (versions 2 and 1).
        groups: Directory in which the control groups are mounted.
        process: The process's directory in ``/proc``.
    """

    def __init__(
        self, configured: int | None, groups: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self")
    ) -> None:
        self._configured = configured
        self._process = process
        self._groups = [] if configured is not None else _limited_groups(groups, process)

    def read(self) -> MemoryUse | None:
        """Read the use that is nearest to its limit; None when there is no limit."""
        if self._configured is not None:
            return MemoryUse(_resident(self._process), self._configured)
        uses = [use for group in self._groups if (use := group.read()) is not None]
        return min(uses, key=lambda use: use.limit - use.used, default=None)

    def usage(self) -> MemoryUse:
        """Read the use of the process and its children, with the limit or else the machine's memory."""
        use = self.read() if self._configured is None else None
        return use or MemoryUse(_with_children(), self._configured or psutil.virtual_memory().total)


class _Group:
    """One control group.

    Args:
        directory: Its directory.
        limit: Name of the file with its limit.
        used: Name of the file with its use, which includes cached files.
        reclaimable: Key in ``memory.stat`` of the part of the use that the kernel can reclaim.
    """

    def __init__(self, directory: Path, limit: str, used: str, reclaimable: str) -> None:
        self._limit = directory / limit
        self._used = directory / used
        self._stat = directory / "memory.stat"
        self._reclaimable = reclaimable

    def read(self) -> MemoryUse | None:
        try:
            limit, used = self._limit.read_text().strip(), int(self._used.read_text())
            stat = dict(line.split() for line in self._stat.read_text().splitlines())
        except (OSError, ValueError):
            return None
        if not limit.isdigit() or int(limit) >= _UNLIMITED:
            return None
        return MemoryUse(used - int(stat.get(self._reclaimable, 0)), int(limit))


def _limited_groups(groups: Path, process: Path) -> list[_Group]:
    """The process's control groups and their parents, as far as they are visible."""
    found: list[_Group] = []
    try:
        lines = (process / "cgroup").read_text().splitlines()
    except OSError:
        return found
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            names, mount = ("memory.max", "memory.current", "inactive_file"), groups
        elif "memory" in controllers.split(","):
            names, mount = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"), groups / "memory"
        else:
            continue
        own = mount / path.lstrip("/")
        # In a container the path may be the host's; then the mount itself is the process's group.
        around = [own, *(parent for parent in own.parents if parent.is_relative_to(mount))]
        found += [_Group(directory, *names) for directory in around if (directory / names[0]).exists()]
    return found


def _resident(process: Path) -> int:
    pages = int((process / "statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _with_children() -> int:
    """Bytes of this process and its descendants; shared pages are counted once."""
    process = psutil.Process()
    total = 0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            try:
                total += member.memory_full_info().pss
            except psutil.AccessDenied:  # children of another user, whose memory maps are not readable
                total += member.memory_info().rss
    return total


def release_free_memory() -> None:
    """Make glibc's allocator return freed memory to the system; other allocators do so by themselves."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
