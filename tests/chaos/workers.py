"""Real workers as processes, and somebody who starts them again when they end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from infra.kafka.ports import free_ports

ROOT = Path(__file__).parents[2]
PRODUCT = "scripts.commands.worker"
_START_SECONDS = 40.0
_STOP_SECONDS = 60.0
#: As an orchestrator would wait before it starts a process again.
_RESTART_PAUSE_S = 0.3
_LOOK_S = 0.1


class Worker:
    """One worker process, which can be started again after its end.

    Args:
        bootstrap_servers: The cluster, as this worker reaches it.
        prefix: Put before every topic's name.
        group: Consumer group.
        directory: For its state and its log.
        module: What is run as a worker.
        arguments: Its command line.
        settings: Further environment variables.

    Attributes:
        starts: How often it was started.
        disk: Held by whoever changes its state directory.
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
        self.port = free_ports(1)
        self.starts = 0
        self.disk = asyncio.Lock()
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

    def start(self, *before: str, stderr: int | None = None) -> None:
        """Start it, or start it again; returns at once.

        Args:
            before: A command that runs it, such as ``nohup``.
            stderr: Where its log goes, instead of its file.
        """
        self.starts += 1
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*before, *self._command],
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stderr=log if stderr is None else stderr,
                start_new_session=True,  # Ctrl-C is for whoever started it, who then ends it
            )

    def wait_ready(self, within: float = _START_SECONDS) -> None:
        """Wait until it says that it is ready."""
        until = time.monotonic() + within
        while not self.is_ready():
            assert self.alive, f"the worker ended:\n{self.tail()}"
            assert time.monotonic() < until, f"the worker did not get ready:\n{self.tail()}"
            time.sleep(_LOOK_S)

    def is_ready(self) -> bool:
        """Whether it says so."""
        return self.get("/health/ready")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP endpoint; the status is 0 when nobody answers."""
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
        """The processes that decode for it: children of its one child."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if child.ppid() != self.process.pid]

    def lines(self) -> list[dict[str, Any]]:
        """Its log so far, over all its lives: of each line the ``event``, the ``level`` and what it tells, by name."""
        return [_flat(json.loads(line)) for line in self.log.read_text().splitlines()]

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text()[-3000:]


def _flat(line: dict[str, Any]) -> dict[str, Any]:
    error = line.get("error", {})
    told = {"reason": error.get("message"), "code": error.get("code")} if error else {}
    named = {"event": line["message"], "level": line["log.level"]}
    return {**named, **line.get("audio", {}), **line.get("kafka", {}), **told}


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
            if worker.alive:
                worker.kill()


class Crew:
    """Workers of which some are on duty, and started again as soon as they end.

    Args:
        workers: All of them, none started.
    """

    def __init__(self, workers: Mapping[int, Worker]) -> None:
        self.workers = workers
        self._on_duty: set[int] = set()
        self._held: set[int] = set()

    @property
    def on_duty(self) -> list[int]:
        """Numbers of the workers that are meant to run."""
        return sorted(self._on_duty)

    @property
    def off_duty(self) -> list[int]:
        """Numbers of the workers that are not."""
        return sorted(self.workers.keys() - self._on_duty)

    def call_up(self, number: int) -> None:
        """Let a worker run from now on."""
        self._on_duty.add(number)
        if not self.workers[number].alive:
            self.workers[number].start()

    def send_home(self, number: int) -> None:
        """Ask a worker to stop, and do not start it again."""
        self._on_duty.discard(number)
        self.workers[number].signal(signal.SIGTERM)

    @contextmanager
    def held_down(self, number: int) -> Iterator[Worker]:
        """Kill a worker, and start it again only afterwards."""
        self._held.add(number)
        try:
            if self.workers[number].alive:
                self.workers[number].kill()
            yield self.workers[number]
        finally:
            self._held.discard(number)

    async def keep(self) -> None:
        """Start again whoever is on duty and has ended, forever."""
        while True:
            for number in self._on_duty - self._held:
                if not self.workers[number].alive:
                    await asyncio.sleep(_RESTART_PAUSE_S)
                    if number in self._on_duty - self._held and not self.workers[number].alive:
                        self.workers[number].start()
            await asyncio.sleep(_LOOK_S)

    async def all_ready(self, within: float) -> list[str]:
        """Wait until everybody on duty is ready; returns the names of those who are not in time."""
        until = time.monotonic() + within
        waiting = self.on_duty
        while waiting and time.monotonic() < until:
            waiting = [number for number in waiting if not await asyncio.to_thread(self.workers[number].is_ready)]
            await asyncio.sleep(_LOOK_S)
        return [self.workers[number].name for number in waiting]

    def end(self) -> None:
        """End every process."""
        self._on_duty.clear()
        for worker in self.workers.values():
            worker.signal(signal.SIGCONT)
            if worker.alive:
                worker.kill()
