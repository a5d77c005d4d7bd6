"""An API process for tests, and how it is asked."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from infra.kafka.ports import free_ports
from scripts.commands import api
from scripts.processes.module_process import ModuleProcess
from tests.support.brokers import Namespace

_READY_WITHIN_S = 60.0


class ApiProcess(ModuleProcess):
    """One API process of a namespace on a free port, open unless the settings name keys.

    Args:
        bootstrap_servers: The brokers.
        namespace: Its topics.
        directory: For its state, its log, and stored objects.
        settings: Further environment variables.
    """

    def __init__(self, bootstrap_servers: str, namespace: Namespace, directory: Path, **settings: str) -> None:
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.state = directory / "api-state"
        environment = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "AUDIO_TOPIC_PREFIX": namespace.prefix,
            "AUDIO_GROUP": namespace.group,
            "AUDIO_STATE_DIR": str(self.state),
            "AUDIO_STORES": (directory / "objects").absolute().as_uri(),
            "AUDIO_API_PORT": str(self.port),
            "AUDIO_HTTP_HOST": "127.0.0.1",
            **settings,
        }
        (directory / "objects").mkdir(parents=True, exist_ok=True)
        super().__init__(api.__name__, environment, directory / "api.log")

    def kill(self) -> None:
        """End it with SIGKILL."""
        process = self._started()
        process.kill()
        process.wait()

    def wait(self) -> int:
        """Wait until it ends by itself; its exit code."""
        return self._started().wait(60)

    def wait_until_ready(self) -> None:
        """Wait until it reports that it is ready."""
        deadline = time.monotonic() + _READY_WITHIN_S
        while not self.is_ready():
            self.require_alive()
            if time.monotonic() > deadline:
                raise self.error(f"was not ready within {_READY_WITHIN_S:.0f} s")
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Whether it reports that it is ready."""
        try:
            return httpx.get(f"{self.url}/health/ready", timeout=5).status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def state_of(self, number: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """A recording, by its id; empty if it has none with this id."""
        answer = httpx.get(f"{self.url}/v1/recordings/{number}", headers=headers, timeout=10)
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else {}

    def wait_for(self, number: str, *states: str, within: float = 60.0) -> dict[str, Any]:
        """Wait until a recording is in one of some states."""
        deadline = time.monotonic() + within
        while (found := self.state_of(number)).get("state") not in states:
            self.require_alive()
            if time.monotonic() > deadline:
                raise self.error(f"says of {number} after {within:.0f} s: {found}")
            time.sleep(0.05)
        return found

    def wait_for_indexed(self, number: str, headers: Mapping[str, str] | None = None) -> None:
        """Wait until a list has a recording."""
        deadline = time.monotonic() + _READY_WITHIN_S
        while number not in httpx.get(f"{self.url}/v1/recordings", headers=headers, timeout=10).text:
            if time.monotonic() > deadline:
                raise self.error(f"has no {number} in its list")
            time.sleep(0.1)


@contextmanager
def serving(process: ApiProcess) -> Iterator[ApiProcess]:
    """Start a process and wait until it is ready; it is stopped at the end of the context."""
    process.start()
    try:
        process.wait_until_ready()
        yield process
    finally:
        process.stop()
