"""Workers as processes."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from infra.kafka.ports import free_ports
from tests.chaos.log_pipe import LogPipe

ROOT = Path(__file__).parents[2]
PRODUCT = "scripts.commands.worker"
_WRONG_CLOCK = Path(__file__).parent / "clock"
_START_SECONDS = 40.0
_STOP_SECONDS = 60.0
_LOOK_S = 0.1


class Worker:
    """One worker process, which can be restarted.

    Args:
        bootstrap_servers: The brokers' addresses for this worker.
        prefix: Put before every topic's name.
        group: Consumer group.
        directory: For its state and its log.
        module: Module that is run as a worker.
        arguments: Its command line.
        settings: Further environment variables.

    Attributes:
        starts: Number of starts.
        disk: A lock, held by the fault that changes its state directory.
        log_pipe: The pipe for its log; None if it logs to its file.
        replicas: The file where it reads on a stop how many workers are wanted, if its settings name it.
        clock_ahead_s: Seconds by which its clock is ahead after its next start.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        prefix: str,
        group: str,
        directory: Path,
        *,
        module: str = PRODUCT,
        arguments: Sequence[str] = (),
        **settings: str,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.name = directory.name
        self.state = directory / "state"
        self.log = directory / "worker.log"
        self.replicas = directory / "replicas"
        self.port = free_ports(1)
        self.starts = 0
        self.disk = asyncio.Lock()
        self.clock_ahead_s = 0.0
        self.log_pipe: LogPipe | None = None
        self.environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "AUDIO_TOPIC_PREFIX": prefix,
            "AUDIO_GROUP": group,
            "AUDIO_STATE_DIR": str(self.state),
            "AUDIO_HTTP_PORT": str(self.port),
            **settings,
        }
        self._command = [sys.executable, "-P", "-m", module, *arguments]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process; only after ``start``."""
        assert self._process is not None
        return self._process

    @property
    def alive(self) -> bool:
        """Whether the process runs, or is frozen."""
        return self._process is not None and self._process.poll() is None

    @property
    def runs(self) -> bool:
        """Whether the process runs, and is not frozen."""
        return self.alive and psutil.Process(self.process.pid).status() != psutil.STATUS_STOPPED

    def start(self, *before: str, stderr: int | None = None) -> None:
        """Start it; returns at once.

        Args:
            before: A command that runs it, such as ``nohup``.
            stderr: File descriptor for its log, instead of its file.
        """
        self.starts += 1
        with self.log_pipe.opened() if self.log_pipe else self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*before, *self._command],
                env=self.environment | self._clock(),
                stdin=subprocess.DEVNULL,
                stderr=log if stderr is None else stderr,
                start_new_session=True,  # Ctrl-C goes to the parent, which then ends it
            )

    def _clock(self) -> dict[str, str]:
        if not self.clock_ahead_s:
            return {}
        path = os.pathsep.join((str(_WRONG_CLOCK), self.environment["PYTHONPATH"]))
        return {"PYTHONPATH": path, "CLOCK_AHEAD_S": str(self.clock_ahead_s)}

    def wait_ready(self, within: float = _START_SECONDS) -> None:
        """Wait until it reports that it is ready."""
        until = time.monotonic() + within
        while not self.is_ready():
            assert self.alive, f"the worker ended:\n{self.tail()}"
            assert time.monotonic() < until, f"the worker did not get ready:\n{self.tail()}"
            time.sleep(_LOOK_S)

    def is_ready(self) -> bool:
        """Whether it reports that it is ready."""
        return self.get("/health/ready")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Request a path from its HTTP endpoint; the status is 0 without an answer."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.alive:
            self.process.send_signal(number)

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

    def decoders(self) -> list[psutil.Process]:
        """Its decoder processes: children of its fork server."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.ppid() != self.process.pid]

    def lines(self) -> list[dict[str, Any]]:
        """Its log lines over all its runs, each with its ``event``, its ``level`` and its fields."""
        return [_flat(json.loads(line)) for line in self.log.read_text().splitlines()]

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-3000:]


def _flat(line: dict[str, Any]) -> dict[str, Any]:
    error = line.get("error", {})
    details = {"reason": error.get("message"), "code": error.get("code")} if error else {}
    named = {"event": line["message"], "level": line["log.level"]}
    return {**named, **line.get("audio", {}), **line.get("kafka", {}), **details}


@contextmanager
def running(*workers: Worker) -> Iterator[None]:
    """Start workers, and wait until they are ready; kill them at the end of the context."""
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.wait_ready()
        yield
    finally:
        for worker in workers:
            if worker.alive:
                worker.kill()
