"""Tests that run side by side share one broker, keep to their groups, and leave nothing behind, however they end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
TESTS = """
import json, os, pathlib, time
import pytest
from infra.kafka.ports import free_ports

def note(**what):
    file = pathlib.Path(os.environ["NOTES"]) / f"{what['test']}.json"
    draft = file.with_suffix(".draft")
    draft.write_text(json.dumps({**what, "pid": os.getpid(), "half": free_ports(1) < 21_000}))
    draft.rename(file)

@pytest.mark.xdist_group("together")
@pytest.mark.parametrize("number", range(3))
def test_together(number):
    note(test=f"together-{number}")
    time.sleep(0.5)

@pytest.mark.parametrize("number", range(6))  # more than are handed out at first
def test_waits_for_long(number, broker, mortal):
    note(test=f"waits-{number}", servers=broker.bootstrap_servers)
    time.sleep(300)
"""


@pytest.fixture
def session(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A test session of two processes, on Kafka's jars."""
    (tmp_path / "test_these.py").write_text(TESTS)
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("KAFKA_", "PYTEST_"))},
        "DOCKER_HOST": f"unix://{tmp_path}/nobody",
        "NOTES": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path),
    }
    command = [sys.executable, "-m", "pytest", "-n", "2", "--dist", "loadgroup", "-p", "tests.conftest"]
    with (tmp_path / "output").open("wb") as output:
        process = subprocess.Popen(
            [*command, "-c", str(ROOT / "pyproject.toml"), str(tmp_path / "test_these.py")],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    yield process
    process.kill()
    process.wait()
    for left in of_session(tmp_path):
        left.kill()


def of_session(directory: Path) -> list[psutil.Process]:
    """The brokers that a session has started and not stopped."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "java" in str(process.info["cmdline"]) and str(directory) in str(process.info["cmdline"])
    ]


def notes(directory: Path, name: str) -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(directory.glob(f"{name}-*.json"))]


@pytest.mark.parametrize("whole_group", [True, False], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_they_stop_what_they_have_started(
    session: subprocess.Popen[bytes], tmp_path: Path, whole_group: bool
) -> None:
    deadline = time.monotonic() + 120
    while len(waiting := notes(tmp_path, "waits")) < 2:
        assert session.poll() is None, (tmp_path / "output").read_text()
        assert time.monotonic() < deadline, (tmp_path / "output").read_text()
        time.sleep(0.1)
    assert len({note["servers"] for note in waiting}) == 1
    assert len({note["pid"] for note in waiting}) == len({note["half"] for note in waiting}) == 2
    together = notes(tmp_path, "together")
    assert (len(together), len({note["pid"] for note in together})) == (3, 1)
    assert len(of_session(tmp_path)) == 3  # the one that is shared, and each test's own

    if whole_group:
        os.killpg(session.pid, signal.SIGINT)
    else:
        session.terminate()
    assert session.wait(60) == pytest.ExitCode.INTERRUPTED
    assert of_session(tmp_path) == []
