"""The help of every command: at once, from a fresh clone, wherever it lies."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.topics import RAW, topic
from scripts import hotel_audio
from scripts.benchmarks.streaming.kafka import PARTITIONS
from tests.chaos.workers import ROOT

#: Neither a command of its own, nor made to be executed by users; and another name for `deploy`.
NOT_COMMANDS = {"run", "deploy-audio-system.sh"}
COMMANDS = sorted(
    path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and os.access(path, os.X_OK)
)  # fmt: skip
#: Packages that take long to import, or that clients do not have.
SLOW = ("aiohttp", "av", "confluent_kafka", "faust", "lameenc", "numpy", "prometheus_client", "rocksdict", "soundfile")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The project as it is cloned, without an environment, in a directory with a blank and an umlaut."""
    directory = tmp_path_factory.mktemp("clone") / "Höme dir" / "x"
    ignored = shutil.ignore_patterns(
        ".venv", ".build", ".git", ".run", ".state", "__pycache__", "_kernels.*", ".*_cache"
    )
    shutil.copytree(ROOT, directory, ignore=ignored)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in NOT_COMMANDS])
def test_the_help_installs_nothing(name: str, clone: Path, tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONIOENCODING": "ascii"}
    shown = subprocess.run(
        [clone / "scripts" / name, "--help"], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False
    )
    assert (shown.returncode, shown.stderr) == (0, "")
    assert f"scripts/{name}" in shown.stdout
    assert not (clone / ".venv").exists()
    assert not (clone / ".build").exists()


def test_a_validation_is_started_by_any_python(clone: Path, tmp_path: Path) -> None:
    command = ["python3", "-I", str(clone / "scripts" / "final_validation.py"), "--help"]
    environ = {"PATH": os.environ["PATH"]}
    shown = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert shown.stdout.startswith("usage: scripts/final_validation ")


@pytest.mark.parametrize("name", ["topics apply", "bench stream", "compress"])
def test_the_help_is_that_of_the_installed_command(name: str, clone: Path) -> None:
    command, *arguments = name.split()
    module = "scripts.benchmarks.command" if command == "bench" else f"scripts.commands.{command}"
    environ = os.environ | {"COLUMNS": "80"}
    bare = subprocess.run([clone / "scripts" / command, *arguments, "-h"], env=environ, capture_output=True, check=True)
    full = subprocess.run(
        [sys.executable, "-m", module, *arguments, "-h"], cwd=ROOT, env=environ, capture_output=True, check=True
    )
    assert bare.stdout == full.stdout


def test_the_help_of_an_installed_command_waits_for_no_slow_import() -> None:
    names = [name.replace("-", "_") for name in hotel_audio.command_names()]
    code = (
        "import sys\nfrom importlib import import_module\n"
        f"for name in {names}: import_module(f'scripts.commands.{{name}}').parser()\n"
        f"print(*sorted(sys.modules.keys() & set({SLOW})))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_benches_have_as_many_partitions_as_the_product() -> None:
    assert topic(RAW).partitions == PARTITIONS
