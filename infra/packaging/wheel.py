"""Builds the wheel of this checkout with the pinned tools of the image."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]
_TOOLS = _PROJECT / "infra" / "docker" / "build-requirements.txt"
_PIP = ("--disable-pip-version-check", "--quiet")


class WheelError(Exception):
    """The wheel cannot be built. The message is one line; pip has said why on standard error."""


def build(out: Path) -> Path:
    """Build the wheel in an environment of its own, and put it into a directory; return its file.

    Raises:
        WheelError: If a step fails.
    """
    with tempfile.TemporaryDirectory(prefix="hotel-audio-") as scratch:
        environment, built = Path(scratch) / "tools", Path(scratch) / "built"
        python = str(environment / "bin" / "python")
        _run(sys.executable, "-m", "venv", str(environment))
        _run(python, "-m", "pip", "install", *_PIP, "--require-hashes", "--no-deps", "--requirement", str(_TOOLS))
        options = ("--no-deps", "--no-build-isolation", "--wheel-dir", str(built))
        _run(python, "-m", "pip", "wheel", *_PIP, *options, str(_PROJECT))
        (wheel,) = built.glob("*.whl")
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(wheel, out))


def _run(*command: str) -> None:
    done = subprocess.run(command, stdout=sys.stderr, check=False)
    if done.returncode != 0:
        raise WheelError(f"{' '.join(command[1:4])} ended with {done.returncode}; its last lines say why")
