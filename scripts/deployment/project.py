"""A compose project: its containers, and the few commands of compose that a deployment needs.

Works with `docker compose` (version 2) and with docker-compose 1.29.
"""

import json
import os
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.deployment.configuration import TOPICS, WORKER
from scripts.deployment.programs import Completed, ProgramError, completed, last_lines, output_of
from scripts.deployment.rolling import Health

_RESTARTS = 2  # of a container, until it counts as failed; the first may be the fault of a broker that was restarted
_TRIES, _RETRY_S = 3, 1.0
_GRACE_S = 60  # docs/DEPLOYMENT_GUIDE.md: what draining may take
_REPLICAS_FILE = "/tmp/replicas"  # noqa: S108  # nosec B108 # in a worker's container: AUDIO_REPLICAS_FROM in compose.yaml
_LABEL = "com.docker.compose"


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the service `worker`.

    Attributes:
        id: Its id.
        digest: Id of its image.
        image: The image's name when it was made.
        environment: Its variables, with those of the image.
        running: Whether its process runs.
        restarts: How often the engine started it again.
        exit_code: Of its last process.
        check: The command of its health check, for a shell; empty without one.
        url: Its HTTP endpoint in the project's network.
    """

    id: str
    digest: str
    image: str
    environment: dict[str, str]
    running: bool
    restarts: int
    exit_code: int
    check: str
    url: str


class Project:
    """A compose project on the engine of this machine, or of DOCKER_HOST.

    Args:
        name: The project's name.
        files: Its compose files.
        image: Name of the product's image.
        timeout: Seconds that a command may take.
    """

    def __init__(self, name: str, files: Sequence[Path], image: str, timeout: float) -> None:
        self._name = name
        self._files = files
        self._environment = {**os.environ, "AUDIO_IMAGE": image}
        self._timeout = timeout
        self._program: list[str] = []

    def compose(self, *arguments: str, file: Path | None = None) -> str:
        """Run compose with a recorded configuration, or with the project's files; returns its output."""
        command = self._compose_command(*arguments, file=file)
        return output_of(command, environment=self._environment, timeout=self._timeout)

    def _compose_command(self, *arguments: str, file: Path | None) -> list[str]:
        if not self._program:
            self._program = self._found()
        chosen = [file] if file is not None else self._files
        options = ["--project-name", self._name, "--project-directory", str(self._files[0].parent)]
        options += [part for one in chosen for part in ("--file", str(one))]
        return [*self._program, *options, *arguments]

    def run_service(self, service: str, file: Path | None = None) -> str:
        """Run a service that ends, in a container that is removed; returns its output."""
        return self.compose("run", "--rm", "--no-deps", "-T", service, file=file)

    def image_command(self, *command: str, file: Path | None = None) -> Completed:
        """Run another command of the image in the project's network, with the settings of the service `topics`."""
        arguments = self._compose_command("run", "--rm", "--no-deps", "-T", TOPICS, *command, file=file)
        return completed(arguments, environment=self._environment, timeout=self._timeout)

    def docker(self, *arguments: str) -> str:
        """Run docker; returns its output."""
        return output_of(["docker", *arguments], environment=self._environment, timeout=self._timeout)

    def image_digest(self, image: str) -> str | None:
        """The id of an image on this machine; None if it is not here."""
        try:
            listed = self.docker("image", "inspect", "--format", "{{.Id}}", image)
        except ProgramError:
            return None
        return f"sha256:{listed.strip().removeprefix('sha256:')}"

    def image_environment(self, digest: str) -> dict[str, str]:
        """The variables that an image sets."""
        listed = json.loads(self.docker("image", "inspect", "--format", "{{json .Config.Env}}", digest))
        return dict(one.partition("=")[::2] for one in listed or ())

    def services(self) -> set[str]:
        """The services that have a container."""
        pattern = f'{{{{.Label "{_LABEL}.service"}}}}'
        return set(self.docker("ps", "--all", *self._filters(), "--format", pattern).split())

    def runs(self, service: str) -> bool:
        """Whether a container of a service is started."""
        return bool(self.docker("ps", "--quiet", *self._filters(service)).split())

    def workers(self) -> list[Container]:
        """The workers, oldest first."""
        for _ in range(_TRIES - 1):
            with suppress(ProgramError):  # a container that went while the engine listed them
                return self._listed()
            time.sleep(_RETRY_S)
        return self._listed()

    def _listed(self) -> list[Container]:
        ids = self.docker("ps", "--all", "--quiet", "--no-trunc", *self._filters(WORKER)).split()
        if not ids:
            return []
        described = json.loads(self.docker("inspect", *ids))
        return [_container(one) for one in sorted(described, key=lambda one: str(one["Created"]))]

    def health(self, container: Container) -> tuple[Health, str]:
        """The condition of a worker, and why it has failed.

        The image's own check is run at once, as the engine would run it only every few seconds.
        """
        if container.restarts >= _RESTARTS or not container.running:
            ended = "" if container.running else f"exit code {container.exit_code}, "  # the engine says 0 while it runs
            reason = f"{ended}started again {container.restarts} times"
            is_lost = container.restarts >= _RESTARTS or container.restarts == 0
            return (Health.FAILED, reason) if is_lost else (Health.STARTING, "")
        try:
            self.docker("exec", container.id, "/bin/sh", "-c", container.check or "true")
        except ProgramError:
            return Health.STARTING, ""
        return Health.READY, ""

    def log(self, container: str) -> tuple[str, ...]:
        """The last lines of a container, of both its streams."""
        try:
            done = completed(["docker", "logs", "--tail", "15", container], environment=self._environment)
        except ProgramError as error:
            return (error.reason,)
        return last_lines(done.output + done.errors)

    def start_workers(self, total: int, file: Path) -> None:
        """Start workers with a configuration, until there are `total`; those that run are left alone."""
        self.compose("up", "--detach", "--no-deps", "--no-recreate", "--scale", f"{WORKER}={total}", WORKER, file=file)

    def remove(self, containers: Sequence[str]) -> None:
        """Let workers finish what they have begun and leave their group, and remove them with their volumes."""
        for one in containers:
            with suppress(ProgramError):  # it has ended, or its version does not know that file
                self.docker("exec", one, "/bin/sh", "-c", f"echo 0 > {_REPLICAS_FILE}")
        if containers:
            self.docker("stop", "--time", str(_GRACE_S), *containers)
            self.docker("rm", "--force", "--volumes", *containers)

    def _filters(self, service: str | None = None) -> list[str]:
        labels = [f"{_LABEL}.project={self._name}", f"{_LABEL}.oneoff=False"]
        labels += [f"{_LABEL}.service={service}"] if service else []
        return [part for label in labels for part in ("--filter", f"label={label}")]

    def _found(self) -> list[str]:
        try:
            output_of(["docker", "compose", "version"], environment=self._environment)
        except ProgramError:
            return ["docker-compose"]
        return ["docker", "compose"]


def _container(described: dict[str, Any]) -> Container:
    state, config = described["State"], described["Config"]
    networks = described["NetworkSettings"].get("Networks") or {}
    check = (config.get("Healthcheck") or {}).get("Test") or []
    environment = dict(one.partition("=")[::2] for one in config["Env"] or ())
    scheme = "https" if environment.get("AUDIO_HTTP_TLS_CERTFILE") else "http"
    address = next((one["IPAddress"] for one in networks.values() if one.get("IPAddress")), "")
    return Container(
        id=described["Id"],
        digest=f"sha256:{described['Image'].removeprefix('sha256:')}",
        image=config["Image"],
        environment=environment,
        running=state["Status"] == "running",
        restarts=int(described.get("RestartCount", 0)),
        exit_code=int(state["ExitCode"]),
        check=" ".join(check[1:]),
        url=f"{scheme}://{address}:{environment.get('AUDIO_HTTP_PORT', '8080')}",
    )


def dotenv(file: Path) -> dict[str, str]:
    """The variables of compose's `.env`; none if there is no such file."""
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=")[::2] for line in lines if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip().strip("'\"") for name, value in pairs}
