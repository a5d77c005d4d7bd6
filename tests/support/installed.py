"""The project as its users install it: wheels of the checkout, in otherwise empty environments."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.workers import ROOT
from tests.support.wheelhouse import write_wheels

_WITHIN_S = 240
#: Modules that a user may have in the working directory.
_OWN_MODULES = ("agents", "audio", "infra", "kafka", "schemas", "scripts", "streams")


@dataclass(frozen=True, slots=True)
class Project:
    """A copy of the checkout, and the files that were copied."""

    directory: Path
    files: frozenset[str]


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment with a wheel of the project in it, and a working directory full of modules with our names."""

    directory: Path
    workspace: Path

    @property
    def python(self) -> str:
        """Its interpreter."""
        return str(self.directory / "bin" / "python")

    @property
    def command(self) -> str:
        """The command `hotel-audio`."""
        return str(self.directory / "bin" / "hotel-audio")

    @property
    def environment(self) -> dict[str, str]:
        """Environment variables that give access to nothing outside the environment, not even to a compiler."""
        path = os.pathsep.join((str(self.directory / "bin"), str(self.directory / "no-compiler")))
        return {"PATH": path, "HOME": str(self.workspace), "CC": "/bin/false", "PYTHONUNBUFFERED": "1"}

    def run(self, *command: str, **settings: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            command,
            cwd=self.workspace,
            env=self.environment | settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def start(self, *command: str, **settings: str) -> subprocess.Popen[str]:
        """Start a command, with pipes for standard output and standard error."""
        return subprocess.Popen(
            command,
            cwd=self.workspace,
            env=self.environment | settings,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def clean_copy(directory: Path) -> Project:
    """Copy the files of the repository and the new ones that are not ignored, but no build products."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    names = frozenset(name for name in listed.stdout.split("\0") if (ROOT / name).is_file())
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, directory / name)
    return Project(directory, names)


def build_wheel(project: Path, into: Path, **environment: str) -> Path:
    """Build the project's wheel with the installed tools."""
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(into)]
    _run([sys.executable, "-m", "pip", "wheel", *options, str(project)], environment)
    (wheel,) = into.glob("*.whl")
    return wheel


def install(wheel: Path, extra: str, directory: Path) -> Installed:
    """Make an empty environment and install the wheel and what an extra of it needs, without a compiler."""
    wheels, environment = directory / "wheels", directory / "environment"
    wheels.mkdir()
    write_wheels(wheels, requirements(wheel, extra))
    _run([sys.executable, "-m", "venv", "--without-pip", str(environment)], {})
    options = ["--quiet", "--no-index", "--no-compile", "--find-links", str(wheels)]
    command = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python"), "install", *options]
    _run([*command, f"{wheel}[{extra}]"], {"CC": "/bin/false"})
    workspace = directory / "workspace"
    workspace.mkdir()
    for name in _OWN_MODULES:
        (workspace / f"{name}.py").write_text("raise RuntimeError('this is not the module that was meant')\n")
    return Installed(environment, workspace)


def requirements(wheel: Path, extra: str) -> list[str]:
    """What a wheel requires for one of its extras."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        lines = re.findall(r"^Requires-Dist: (.*)$", archive.read(name).decode(), re.MULTILINE)
    return [line.partition(";")[0] for line in lines if "extra ==" not in line or f'extra == "{extra}"' in line]


def _run(command: list[str], environment: dict[str, str]) -> None:
    done = subprocess.run(
        command,
        env={**{name: value for name, value in os.environ.items() if name != "PYTHONPATH"}, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
