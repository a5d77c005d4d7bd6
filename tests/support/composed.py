"""The system of infra/docker/compose.yaml, started under a name and on ports of its own."""

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from testcontainers.core.docker_client import DockerClient

from infra.kafka.ports import HOST, free_ports
from tests.support.certificate import write_certificate
from tests.support.containers import require_engine, until
from tests.support.nginx import Client

FILES = Path(__file__).parents[2] / "infra" / "docker"
_PORTS = (
    *("KAFKA_PORT", "KAFKA_2_PORT", "KAFKA_3_PORT", "PROMETHEUS_PORT", "ALERTMANAGER_PORT"),
    *("HTTP_PORT", "HTTPS_PORT", "API_PORT"),
)
_LABEL = "com.docker.compose"
_COMMAND_TIMEOUT_S = 480
_HEALTHY_S = 180.0
_ANSWER_S = 30.0


@cache
def compose_program() -> list[str]:
    """Compose 2 where the engine has it, otherwise docker-compose 1; skips the test where there is neither."""
    require_engine()
    for program in (["docker", "compose"], ["docker-compose"]):
        try:
            if subprocess.run([*program, "version"], capture_output=True, check=False).returncode == 0:
                return program
        except FileNotFoundError:
            continue
    pytest.skip("neither docker compose nor docker-compose is installed")


@dataclass(frozen=True, slots=True)
class Composed:
    """A project of Compose.

    Attributes:
        project: Its name.
        environment: The variables of its files.
        files: Names of its files in infra/docker.
        directory: For secrets and settings.
    """

    project: str
    environment: Mapping[str, str]
    files: Sequence[str]
    directory: Path

    @property
    def bootstrap_servers(self) -> str:
        """The brokers, as clients outside of Compose reach them."""
        return f"{HOST}:{self.environment['KAFKA_PORT']}"

    def compose(self, *arguments: str) -> str:
        """Run a command of Compose to its end; returns its standard output."""
        settings = self.directory / "env"  # instead of a developer's own .env
        settings.write_text("".join(f"{name}={value}\n" for name, value in self.environment.items()))
        files = [part for name in self.files for part in ("--file", str(FILES / name))]
        options = ["--project-name", self.project, "--env-file", str(settings), *files]
        done = subprocess.run(
            [*compose_program(), *options, *arguments],
            env=self._process_environment(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=_COMMAND_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def up(self, *, workers: int) -> None:
        """Start everything that does not run, with a number of workers, and wait until these are ready."""
        self.compose("up", "--detach", "--scale", f"worker={workers}")
        until(lambda: len(self.ready_workers()) == workers, _HEALTHY_S, self.logs)

    def down(self) -> None:
        """Remove everything, with all data."""
        self.compose("down", "--volumes", "--timeout", "30")

    def containers(self, service: str | None = None) -> list[Any]:
        """The containers of one service or of all, also those that have ended."""
        labels = [f"{_LABEL}.project={self.project}", *([f"{_LABEL}.service={service}"] if service else [])]
        found: list[Any] = _engine().containers.list(all=True, filters={"label": labels})
        return found

    def ready_workers(self) -> list[Any]:
        """The workers that the image's check finds healthy; it is run here, as not every engine does so by itself."""
        return [one for one in self.containers("worker") if one.status == "running" and _is_healthy(one)]

    def remains(self) -> list[str]:
        """The names of all containers, volumes and networks of the project."""
        client, labels = _engine(), {"label": f"{_LABEL}.project={self.project}"}
        found = [*self.containers(), *client.volumes.list(filters=labels), *client.networks.list(filters=labels)]
        return [one.name for one in found]

    def logs(self) -> str:
        """The end of each container's log."""
        ends = ((one.name, one.status, one.logs(tail=20).decode(errors="replace")) for one in self.containers())
        return "\n".join(f"--- {name} ({status})\n{text}" for name, status, text in ends)

    def prometheus(self, path: str) -> Any:
        """What Prometheus' HTTP API answers."""
        return _json(f"http://{HOST}:{self.environment['PROMETHEUS_PORT']}/api/v1/{path}")["data"]

    def alertmanager(self, path: str) -> Any:
        """What Alertmanager's HTTP API answers."""
        return _json(f"http://{HOST}:{self.environment['ALERTMANAGER_PORT']}/api/v2/{path}")

    def nginx(self, port: str = "HTTPS_PORT") -> Client:
        """A client of nginx, with TLS, at one of its ports."""
        certificate = self.directory / "secrets" / "nginx" / "tls.crt"
        return Client(int(self.environment[port]), certificate, HOST)

    def _process_environment(self) -> dict[str, str]:
        """What Compose needs of the environment; settings of the user's shell would win over those of the test."""
        own = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"} or "DOCKER" in name}
        # Version 1 gives the engine a minute for an answer, which a busy machine exceeds.
        return {**own, "COMPOSE_HTTP_TIMEOUT": str(_COMMAND_TIMEOUT_S)}

    @property
    def resolver(self) -> str:
        """The address of the engine's DNS server: Podman's is the gateway of the network, which has to exist."""
        attributes = _engine().networks.get(f"{self.project}_default").attrs
        podman = require_engine() == "podman"
        return str(attributes["IPAM"]["Config"][0]["Gateway"]) if podman else "127.0.0.11"


@contextmanager
def composed(directory: Path, images: Mapping[str, str], *overrides: str, profiles: str = "") -> Iterator[Composed]:
    """A project that is not started yet; everything of it is removed at the end.

    Args:
        directory: For its secrets and settings.
        images: Names of images by Compose's variables.
        overrides: Files of infra/docker after compose.yaml.
        profiles: Profiles to start as well.
    """
    first = free_ports(len(_PORTS))
    environment = {
        **images,
        **{name: str(first + number) for number, name in enumerate(_PORTS)},
        "AUDIO_SECRETS": str(write_secrets(directory / "secrets")),
        "AUDIO_LOG_LEVEL": "info",
        "HTTP_ADDRESS": HOST,
        "COMPOSE_PROFILES": profiles,
        "PROMETHEUS_SCRAPE_INTERVAL": "2s",
    }
    system = Composed(f"test-{first}", environment, ("compose.yaml", *overrides), directory)
    try:
        system.compose("up", "--no-start", "kafka")
        environment["NGINX_RESOLVER"] = system.resolver
        yield system
    finally:
        system.down()
        assert system.remains() == []


def write_secrets(directory: Path) -> Path:
    """Write secrets that every user of a container can read: a certificate for nginx; returns the directory."""
    (directory / "nginx").mkdir(parents=True)
    write_certificate(directory / "nginx" / "tls.crt", directory / "nginx" / "tls.key")
    for path in (directory, *directory.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return directory


@cache
def _engine() -> Any:
    return DockerClient(timeout=_COMMAND_TIMEOUT_S).client


def _is_healthy(container: Any) -> bool:
    container.reload()
    _, command = container.attrs["Config"]["Healthcheck"]["Test"]
    return bool(container.exec_run(["/bin/sh", "-c", command]).exit_code == 0)


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:  # noqa: S310  the URL is ours
        return json.load(answer)
