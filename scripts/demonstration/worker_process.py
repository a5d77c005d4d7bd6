"""One worker, as a process of its own."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

_PROJECT = Path(__file__).resolve().parents[2]
_READY_WITHIN_S = 60.0
_STOP_WITHIN_S = 30.0
_POLL_S = 0.1
_TAIL_LINES = 12


class WorkerError(Exception):
    """The worker is not there or not ready. The message is of several lines: what happened, and the end of its log."""


class WorkerProcess:
    """Starts one worker and stops it by its id.

    Args:
        settings: Its settings, as environment variables; everything else it inherits.
        log: Where its log goes.
    """

    def __init__(self, settings: Mapping[str, str], log: Path) -> None:
        self.log = log
        self.port = int(settings["AUDIO_HTTP_PORT"])
        self._state = Path(settings["AUDIO_STATE_DIR"])
        self._environment = {**os.environ, **settings, "PYTHONPATH": str(_PROJECT)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Its process id; only after `start`."""
        return self._started().pid

    def start(self) -> None:
        """Start it; returns at once."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "scripts.commands.worker"],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which then stops the worker in its turn
            )

    def wait_until_ready(self) -> None:
        """Wait until it says that it is ready.

        Raises:
            WorkerError: If it ends before that, or takes too long.
        """
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self._is_ready():
            self.require_alive()
            if time.monotonic() > deadline:
                raise WorkerError(f"the worker was not ready within {_READY_WITHIN_S:.0f} s:\n{self._tail()}")
            time.sleep(_POLL_S)

    def require_alive(self) -> None:
        """Make sure that it runs.

        Raises:
            WorkerError: If it has ended.
        """
        code = self._started().poll()
        if code is not None:
            raise WorkerError(f"the worker ended with exit code {code}:\n{self._tail()}")

    def stop(self) -> None:
        """Let it finish what it has begun, end it, and remove its state; its log stays."""
        process = self._process
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(self._state, ignore_errors=True)

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise WorkerError("the worker was not started")
        return self._process

    def _is_ready(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/health/ready"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return bool(answer.status == HTTPStatus.OK)
        except OSError:  # nobody listens yet, or the answer is "not ready"
            return False

    def _tail(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([*lines, f"(the whole log: {self.log})"])
