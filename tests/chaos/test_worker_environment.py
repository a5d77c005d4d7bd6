"""A process's clock can be shifted, and its log paused."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.chaos.log_pipe import LogPipe

CLOCK = Path(__file__).parent / "clock"


def test_a_wrong_clock_is_wrong_for_all_of_a_process() -> None:
    environment = {**os.environ, "PYTHONPATH": str(CLOCK), "CLOCK_AHEAD_S": "-3600"}
    command = [sys.executable, "-P", "-c", "import time; print(time.time(), time.time_ns() / 1e9)"]
    told = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.split()

    assert all(-3610 < float(one) - time.time() < -3590 for one in told)


def test_a_held_up_log_is_complete_afterwards(tmp_path: Path) -> None:
    log = LogPipe(tmp_path / "log")
    command = [sys.executable, "-c", "import sys; print('a' * 9999, file=sys.stderr); print('done', flush=True)"]
    with log.opened() as pipe:
        process = subprocess.Popen(command, stderr=pipe, stdout=subprocess.PIPE)
    log.pause()
    time.sleep(1.0)
    held_up = process.poll() is None
    log.resume()
    assert process.wait(10) == 0
    log.end()

    assert held_up
    assert (tmp_path / "log").read_text() == "a" * 9999 + "\n"
