import subprocess
import sys
import threading
from pathlib import Path

import pytest

from streams.delivery.failstop import StalledError, Watchdog
from streams.exits import ExitLog
from tests.chaos.workers import ROOT


def test_the_watchdog_ends_a_silence_once() -> None:
    reported = threading.Event()
    errors: list[BaseException] = []
    now = [0.0]

    def on_stall(error: BaseException) -> None:
        errors.append(error)
        reported.set()

    watchdog = Watchdog(1.0, on_stall, clock=lambda: now[0])
    watchdog.start()
    now[0] = 0.9
    watchdog.feed()
    now[0] = 1.8
    assert not reported.wait(0.3)
    now[0] = 2.0
    assert reported.wait(5)
    assert isinstance(errors[0], StalledError)
    watchdog.join(5)
    assert len(errors) == 1


def test_a_stopped_watchdog_is_silent() -> None:
    errors: list[BaseException] = []
    now = [0.0]
    watchdog = Watchdog(0.2, errors.append, clock=lambda: now[0])
    watchdog.start()
    watchdog.stop()
    now[0] = 100.0
    watchdog.join(5)
    assert errors == []


def fail_with(error: str, directory: Path) -> subprocess.CompletedProcess[str]:
    code = (
        "from pathlib import Path\n"
        "from aiokafka.errors import ProducerFenced\n"
        "from streams.delivery.breaker import DeadLetterLimitError\n"
        "from streams.delivery.failstop import StalledError, fail_stop\n"
        "from streams.exits import ExitLog\n"
        f"exits = ExitLog(Path({str(directory)!r}))\n"
        "exits.begin()\n"
        f"fail_stop(exits, {error})"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        ("ValueError('why')", 1, "crashed"),
        ("DeadLetterLimitError('why')", 3, "breaker"),
        ("StalledError('why')", 1, "stalled"),
        ("ProducerFenced('why')", 1, "fenced"),
    ],
)
def test_failing_says_why_now_and_in_the_next_life(error: str, code: int, reason: str, tmp_path: Path) -> None:
    ended = fail_with(error, tmp_path)
    assert ended.returncode == code
    assert "why" in ended.stdout + ended.stderr
    exits = ExitLog(tmp_path)
    exits.begin()
    assert {found for found, count in exits.counts.items() if count} == {reason}
    assert "why" in exits.latest[-1].message


def test_a_state_directory_that_is_gone_keeps_no_process(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    assert fail_with("__import__('shutil').rmtree(exits.directory) or ValueError('why')", gone).returncode == 1
