"""Debian packages, unpacked into a directory of the project: nothing is installed, and no root is needed."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

_TOOLS = ("apt-get", "dpkg")
_COMMAND_TIMEOUT_S = 60


class UnavailableError(Exception):
    """The content of a package is not available. The message gives the reason, as the end of a sentence."""


def fetched(cache: Path, packages: Sequence[str], what: str, say: Callable[[str], None]) -> Path:
    """Download and unpack Debian packages. The directory is created complete, or not at all.

    Args:
        cache: The directory to create; left unchanged if it exists.
        packages: Names of the packages.
        what: What the packages contain, for messages.
        say: Called with a message before a slow step.

    Raises:
        UnavailableError: If a package cannot be downloaded or unpacked.
    """
    if cache.is_dir():
        return cache
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        raise UnavailableError(f"this machine has no {missing[0]} to fetch {what} with")
    say(f"fetching {what} from Debian, kept in {cache}")
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent, prefix=f"{cache.name}-") as scratch:
        content = Path(scratch) / "content"
        content.mkdir()
        for number, package in enumerate(packages, 1):
            say(f"fetching {package} ({number} of {len(packages)})")
            _download(Path(scratch), package)
        for archive in Path(scratch).glob("*.deb"):
            _run(["dpkg", "-x", str(archive), str(content)], Path(scratch))
        try:
            content.rename(cache)
        except OSError as error:
            if not cache.is_dir():  # otherwise another process has created it meanwhile
                raise UnavailableError(f"{cache} cannot be written: {error.strerror}") from error
    return cache


def _download(directory: Path, package: str) -> None:
    download = ["apt-get", "-q", "download", package]
    try:
        _run(download, directory)
    except UnavailableError:
        # A fresh machine has no package lists, and only root can download them.
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "-q", "update"], directory)
        _run(download, directory)


def _run(command: Sequence[str], directory: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{command[0]} took longer than {_COMMAND_TIMEOUT_S} s") from None
    if done.returncode != 0:
        last = done.stdout.strip().rpartition("\n")[2]
        raise UnavailableError(f"{command[0]} failed: {last}")
