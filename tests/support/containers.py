"""The product's image and its containers, as an orchestrator runs them: without rights and with a read-only root."""

import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.docker_client import DockerClient

from infra.kafka.ports import free_ports
from tests.chaos.workers import ROOT
from tests.support.brokers import docker_answers, remove_container

STATE = "/var/lib/hotel-audio"
#: What the `restricted` profile of Kubernetes asks for.
_CONFINED: dict[str, Any] = {
    "network_mode": "host",
    "read_only": True,
    "tmpfs": {"/tmp": "size=16m"},  # noqa: S108  a mount of the container's own
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges"],
}
#: Podman may be inside a container itself, where it has no rights to make another for each step; and if its base images
#: were unpacked locally, their root directory is for root alone, unless the result is one new layer.
BUILD_OPTIONS = {"podman": ["--isolation", "chroot", "--squash-all"], "docker": []}
_BUILD_TIMEOUT_S = 540
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class BuiltImage:
    """The image under test.

    Attributes:
        name: Its name and tag.
        told: What the command that built it has printed.
    """

    name: str
    told: str

    @property
    def attributes(self) -> dict[str, Any]:
        """What the engine says of it."""
        attributes: dict[str, Any] = DockerClient().client.images.get(self.name).attrs
        return attributes

    @contextmanager
    def idle(self, mounted: Path) -> Iterator["IdleContainer"]:
        """A confined container that waits for commands; a directory is mounted at /probe. Making one is slow."""
        volumes = {str(mounted): {"bind": "/probe", "mode": "ro"}}
        container = self._create(["3600"], entrypoint=["/usr/bin/tini", "--", "sleep"], volumes=volumes)
        try:
            container.start()
            yield IdleContainer(container)
        finally:
            remove_container(container.id)

    @contextmanager
    def worker(self, settings: Mapping[str, str]) -> Iterator["WorkerContainer"]:
        """A confined container that runs a worker, not yet started."""
        port = free_ports(1)
        container = self._create(None, environment={**settings, "AUDIO_HTTP_PORT": str(port)})
        try:
            yield WorkerContainer(container, port)
        finally:
            remove_container(container.id)

    def _create(self, command: list[str] | None, **options: Any) -> Any:
        return DockerClient().client.containers.create(self.name, command, **_CONFINED, **options)


@dataclass(frozen=True, slots=True)
class IdleContainer:
    """A container in which commands are run."""

    container: Any

    def run(self, *command: str, environment: Mapping[str, str] | None = None) -> tuple[int, str]:
        """Run a command to its end; returns its exit code and its output."""
        code, output = self.container.exec_run(list(command), environment=dict(environment or {}))
        return code, output.decode(errors="replace")

    def shell(self, script: str) -> str:
        """What a script prints."""
        code, output = self.run("/bin/sh", "-c", script)
        assert code == 0, output
        return output.strip()


class WorkerContainer:
    """A container with one worker.

    Args:
        container: The engine's.
        port: Of the worker's HTTP endpoint.
    """

    def __init__(self, container: Any, port: int) -> None:
        self._container = container
        self.port = port

    def start(self) -> None:
        """Start it, for the first time or again."""
        self._container.start()

    def health(self) -> int:
        """Run the image's health check as the engine would; 0 is healthy."""
        kind, command = self._container.attrs["Config"]["Healthcheck"]["Test"]
        assert kind == "CMD-SHELL"
        return int(self._container.exec_run(["/bin/sh", "-c", command]).exit_code)

    def wait_healthy(self, within: float = 60) -> None:
        """Wait until the health check succeeds."""
        until(lambda: self.health() == 0, within, self.logs)

    def status(self) -> str:
        """`running`, `exited` and so on."""
        self._container.reload()
        return str(self._container.status)

    def run(self, *command: str) -> str:
        """Run a command beside the worker; returns its output."""
        code, output = self._container.exec_run(list(command))
        assert code == 0, output
        return str(output.decode())

    def stop(self, grace: int) -> tuple[int, float]:
        """Stop it as an orchestrator does, with SIGKILL after `grace` seconds; returns exit code and seconds."""
        begin = time.monotonic()
        self._container.stop(timeout=grace)
        seconds = time.monotonic() - begin
        return int(self._container.wait()["StatusCode"]), seconds

    def logs(self) -> str:
        """The worker's log."""
        return str(self._container.logs().decode(errors="replace"))


def until(
    condition: Callable[[], bool], within: float, explain: Callable[[], str] = str, every: float = _POLL_S
) -> None:
    """Wait for a condition, looking every so many seconds; fail with an explanation when `within` is over."""
    end = time.monotonic() + within
    while not condition():
        assert time.monotonic() < end, explain()
        time.sleep(every)


def printed_by(container: Any, script: str, within: float = 30) -> str:
    """What a script that always prints prints in a container: on a busy machine, podman's API may lose it at first."""
    printed: list[str] = []

    def prints() -> bool:
        printed.append(container.exec_run(["/bin/sh", "-c", script]).output.decode())
        return bool(printed[-1])

    until(prints, within, lambda: f"nothing printed by: {script}")
    return printed[-1]


def require_engine() -> str:
    """The program that builds images for the engine that answers; skips the test where none does, except in CI."""
    if not docker_answers():
        if os.environ.get("CI") == "true" and os.environ.get("CI_REQUIRE_CONTAINERS") == "1":
            pytest.fail("CI_REQUIRE_CONTAINERS=1, but no container engine answers")
        pytest.skip("no container engine answers the Docker API")
    return "podman" if "podman" in json.dumps(DockerClient().client.version()).lower() else "docker"


@contextmanager
def built_image(engine: str) -> Iterator[BuiltImage]:
    """Build the image by the project's command; it is removed at the end."""
    name = f"hotel-audio:test-{secrets.token_hex(4)}"
    options = ["--network", "host", *BUILD_OPTIONS[engine]]
    command = [sys.executable, "-m", "scripts.commands.image", "build", "--engine", engine, "--tag", name]
    done = subprocess.run(
        [*command, "--", *options],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-5000:]
    try:
        yield BuiltImage(name, done.stdout)
    finally:
        DockerClient().client.images.remove(name, force=True)


def write_module(directory: Path, name: str, source: str) -> None:
    """Write a module into a directory that users of a container can read."""
    directory.chmod(0o755)
    file = directory / f"{name}.py"
    file.write_text(source)
    file.chmod(0o644)
