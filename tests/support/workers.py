"""Real workers, as processes, for end-to-end tests."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from infra.kafka.ports import free_ports
from tests.support.brokers import Namespace

ROOT = Path(__file__).parents[2]
_START_SECONDS = 40.0
_STOP_SECONDS = 60.0


class Worker:
    """One worker process, which can be started again after its end.

    Args:
        bootstrap_servers: The cluster.
        namespace: Topic prefix and group.
        directory: For its state and its log.
        settings: Further environment variables.
    """

    def __init__(self, bootstrap_servers: str, namespace: Namespace, directory: Path, **settings: str) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.state = directory / "state"
        self.log = directory / "worker.log"
        self.port = free_ports(1)
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "AUDIO_TOPIC_PREFIX": namespace.prefix,
            "AUDIO_GROUP": namespace.group,
            "AUDIO_STATE_DIR": str(self.state),
            "AUDIO_HTTP_PORT": str(self.port),
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process; only after ``start``."""
        assert self._process is not None
        return self._process

    def start(self) -> None:
        """Start it, or start it again; returns at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "scripts.commands.worker"], env=self.environment, stderr=log
            )

    def wait_ready(self) -> None:
        """Wait until it says that it is ready."""
        until = time.monotonic() + _START_SECONDS
        while self.get("/health/ready")[0] != 200:
            assert self.process.poll() is None, f"the worker ended:\n{self.tail()}"
            assert time.monotonic() < until, f"the worker did not get ready:\n{self.tail()}"
            time.sleep(0.1)

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP endpoint; the status is 0 when nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def kill(self) -> None:
        """End it with SIGKILL."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it with SIGTERM; returns its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(_STOP_SECONDS)

    def resident_bytes(self) -> int:
        """Its resident memory now."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far, over all its lives."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-3000:]


@contextmanager
def running(*workers: Worker) -> Iterator[None]:
    """Start workers, wait until they are ready, and see to it that none survives."""
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait_ready()
        yield
    finally:
        for worker in workers:
            if worker._process is not None and worker.process.poll() is None:  # noqa: SLF001  its own helper
                worker.kill()
