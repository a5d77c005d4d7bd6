import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from streams.runtime.exit_log import ExitLog
from streams.runtime.fail_stop import StalledError, Watchdog
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


@pytest.mark.parametrize("fed_again", [True, False])
def test_the_watchdog_says_what_was_waited_for_last(fed_again: bool) -> None:
    errors: list[BaseException] = []
    now = [0.0]
    watchdog = Watchdog(1.0, errors.append, clock=lambda: now[0])
    watchdog.warn("the brokers do not answer")
    if fed_again:
        watchdog.feed()
    now[0] = 3.0
    watchdog.run()
    what = "the event loop gives no sign of life" if fed_again else "the brokers do not answer"
    assert str(errors[0]) == f"no progress for 3 s: {what}"


def test_a_stopped_watchdog_is_silent() -> None:
    errors: list[BaseException] = []
    now = [0.0]
    watchdog = Watchdog(0.2, errors.append, clock=lambda: now[0])
    watchdog.start()
    watchdog.stop()
    now[0] = 100.0
    watchdog.join(5)
    assert errors == []


def fail_with(error: str, directory: Path, begin: str = "exits.begin()") -> subprocess.CompletedProcess[str]:
    code = (
        "from pathlib import Path\n"
        "from aiokafka.errors import ProducerFenced\n"
        "from streams.delivery.breaker import DeadLetterLimitError\n"
        "from streams.runtime.fail_stop import StalledError, fail_stop\n"
        "from streams.runtime.exit_log import ExitLog\n"
        f"exits = ExitLog(Path({str(directory)!r}))\n"
        f"{begin}\n"
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


def test_failing_ends_the_process_though_nobody_reads_its_log(tmp_path: Path) -> None:
    code = (
        "import os\n"
        "from pathlib import Path\n"
        "from streams.runtime.fail_stop import StalledError, Watchdog, fail_stop\n"
        "from streams.runtime.exit_log import ExitLog\n"
        "from streams.telemetry.logs import configure_logs\n"
        "import logging, time\n"
        "configure_logs('info', '1.2.3')\n"
        f"exits = ExitLog(Path({str(tmp_path)!r}))\n"
        "exits.begin()\n"
        "for number in range(1000): logging.getLogger('ours').critical('x' * 1000)\n"
        "Watchdog(0.5, lambda error: fail_stop(exits, error)).start()\n"
        "time.sleep(60)"
    )
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.PIPE) as process:
        assert process.wait(30) == 1
        assert time.monotonic() - began < 20
    exits = ExitLog(tmp_path)
    exits.begin()
    assert exits.latest[-1].reason == "stalled"


def test_failing_ends_the_process_though_its_disk_does_not_answer(tmp_path: Path) -> None:
    """A named pipe without a reader replaces the disk: opening it blocks forever."""
    os.mkfifo(tmp_path / "exits.json.new")
    began = time.monotonic()
    assert fail_with("ValueError('why')", tmp_path, begin="").returncode == 1
    assert time.monotonic() - began < 20
