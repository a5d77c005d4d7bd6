"""systemd's checks of unit files, with Debian's systemd, which need not be installed or run."""

import os
import shutil
import subprocess
from pathlib import Path

from infra.debian import fetched
from infra.directories import cache_directory

UNIT = Path(__file__).parents[2] / "infra" / "systemd" / "hotel-audio-worker@.service"
API_UNIT = UNIT.with_name("hotel-audio-api@.service")
_PACKAGES = ("systemd", "libsystemd-shared", "libseccomp2", "libkmod2", "libapparmor1", "libip4tc2")
_UNITS = "systemd/system"


def analyze(
    root: Path, unit: str, command: str, *options: str, name: str = UNIT.name
) -> subprocess.CompletedProcess[str]:
    """Run `systemd-analyze COMMAND` on a unit file, as the instance for port 8081.

    Args:
        root: An empty directory, for a root file system in which the unit and its program are installed.
        unit: The text of the unit file.
        command: ``verify`` or ``security``.
        options: Of the command.
        name: The unit file's name.
    """
    package = fetched(cache_directory() / "systemd", _PACKAGES, "systemd-analyze, some 6 MB,", print)
    units = root / "etc" / _UNITS
    units.mkdir(parents=True)
    (units / name).write_text(unit)
    shutil.copytree(package / "lib" / _UNITS, root / "lib" / _UNITS, symlinks=True)
    program = root / "opt" / "hotel-audio" / "bin" / "hotel-audio"
    program.parent.mkdir(parents=True)
    program.touch(0o755)
    libraries = {str(library.parent) for library in package.rglob("*.so*")}
    return subprocess.run(
        [
            str(next(package.rglob("bin/systemd-analyze"))),
            command,
            *options,
            f"--root={root}",
            name.replace("@", "@8081"),
        ],
        env=os.environ | {"LD_LIBRARY_PATH": ":".join(libraries)},
        capture_output=True,
        text=True,
        check=False,
    )
