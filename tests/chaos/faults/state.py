"""Faults of a worker's state directory while the worker is down."""

import asyncio
import os
import shutil
import subprocess
import tempfile
import time
from abc import abstractmethod
from pathlib import Path
from random import Random

from tests.chaos.faults.base import Fault
from tests.chaos.scene import Scene
from tests.chaos.workers import Worker

_MOST_HARMED = 6  # files
_PAGE_BYTES = 4096
_ROOM_BYTES = (16 * 1024, 256 * 1024, 1024 * 1024)  # left on the disk: the worker ends at its start or later
_PLENTY = "512m"


def can_mount() -> bool:
    """Whether this process may mount file systems."""
    with tempfile.TemporaryDirectory() as scratch:
        if not _mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", scratch):
            return False
        unmount(Path(scratch))
        return True


def unmount(directory: Path) -> None:
    """Unmount a directory, also while it is in use."""
    while _is_mounted(directory):
        subprocess.run([_tool("umount"), "--lazy", str(directory)], check=True, capture_output=True)


class _StateFault(Fault):
    """The worker is killed, its directory is damaged, and it is started again."""

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._victim: Worker | None = None

    async def inject(self, scene: Scene) -> None:
        number = self._one_of(scene.pool.running)
        # One fault at a time: a file on a read-only disk cannot be corrupted.
        await scene.pool.workers[number].disk.acquire()
        self.injected_at = time.monotonic()
        with scene.pool.kept_down(number) as self._victim:
            self._victim.state.mkdir(exist_ok=True)
            harm = await asyncio.to_thread(self._harm, self._victim.state)
            self.what = f"{self._victim.name}{harm and ', ' + harm}"

    async def heal(self, scene: Scene) -> None:
        if self._victim is not None:
            await asyncio.to_thread(self._repair, self._victim.state)
            self._victim.disk.release()

    @abstractmethod
    def _harm(self, state: Path) -> str:
        """Damage the directory; returns a description."""

    def _repair(self, state: Path) -> None:
        """Remove the cause; lost data stays lost."""

    def _some_files(self, state: Path) -> list[Path]:
        found = sorted(path for path in state.rglob("*") if path.is_file() and path.stat().st_size)
        return self._chance.sample(found, min(len(found), self._chance.randint(1, _MOST_HARMED)))


class StateWiped(_StateFault):
    """A worker's state directory is emptied while it is down."""

    name = "state-wiped"

    def _harm(self, state: Path) -> str:
        for path in state.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        return ""


class StateTruncated(_StateFault):
    """Some files of a worker's state are truncated."""

    name = "state-truncated"

    def _harm(self, state: Path) -> str:
        files = self._some_files(state)
        for path in files:
            os.truncate(path, int(path.stat().st_size * self._chance.random()))
        return f"{len(files)} files: {', '.join(path.name for path in files)}"


class StateCorrupted(_StateFault):
    """Some bytes in some files of a worker's state are changed."""

    name = "state-corrupted"

    def _harm(self, state: Path) -> str:
        files = self._some_files(state)
        for path in files:
            content = bytearray(path.read_bytes())
            for _ in range(self._chance.randint(1, 64)):
                content[self._chance.randrange(len(content))] = self._chance.randrange(256)
            path.write_bytes(content)
        return f"{len(files)} files: {', '.join(path.name for path in files)}"


class StateReadOnly(_StateFault):
    """The file system of a worker's state is read-only for some seconds."""

    name = "state-read-only"
    needs_mounts = True

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(3.0, 6.0)

    def _harm(self, state: Path) -> str:
        if not _is_mounted(state):
            _mount("--bind", str(state), str(state))
        _mount("-o", "remount,bind,ro", str(state))
        return f"for {self.lasts:.1f} s"

    def _repair(self, state: Path) -> None:
        _mount("-o", "remount,bind,rw", str(state))


class StateFull(_StateFault):
    """The file system of a worker's state is nearly full for some seconds."""

    name = "state-full"
    needs_mounts = True

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(3.0, 6.0)
        self._room = chance.choice(_ROOM_BYTES)

    def _harm(self, state: Path) -> str:
        with tempfile.TemporaryDirectory(dir=state.parent) as scratch:
            content = Path(scratch) / "content"
            shutil.copytree(state, content)
            used = sum(_PAGE_BYTES * (path.stat().st_size // _PAGE_BYTES + 1) for path in content.rglob("*"))
            unmount(state)
            _mount("-t", "tmpfs", "-o", f"size={used + self._room}", "tmpfs", str(state))
            shutil.copytree(content, state, dirs_exist_ok=True)
        return f"{self._room >> 10} KiB left for {self.lasts:.1f} s"

    def _repair(self, state: Path) -> None:
        _mount("-o", f"remount,size={_PLENTY}", str(state))


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise FileNotFoundError(f"{name} is not installed")
    return path


def _is_mounted(directory: Path) -> bool:
    # os.path.ismount does not detect a bind mount of a directory on itself.
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return str(directory.resolve()) in {line.split()[4] for line in mounts}


def _mounted(*arguments: str) -> bool:
    return subprocess.run([_tool("mount"), *arguments], check=False, capture_output=True).returncode == 0


def _mount(*arguments: str) -> None:
    subprocess.run([_tool("mount"), *arguments], check=True, capture_output=True)
