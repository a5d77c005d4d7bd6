"""The environment of one run of the demo: its Kafka, its names, its directory."""

import asyncio
import os
import shlex
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

from aiokafka.errors import KafkaConnectionError, KafkaError

from infra.directories import CHECKOUT
from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from infra.kafka.secure import ADMIN
from schemas.access import load_roles
from scripts.cli import Cluster
from scripts.command_settings import run_directory
from scripts.processes import secure_kafka
from scripts.processes.console_process import ConsoleProcess
from scripts.processes.worker_process import WorkerProcess
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import PLAINTEXT
from streams.kafka.topics import apply_topics
from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.setting_declaration import SettingsError, declared
from streams.runtime.settings import Settings, StoreSettings
from streams.stores import StoresConfiguration


@dataclass(frozen=True, slots=True)
class DemoEnvironment:
    """One run of the demo.

    Attributes:
        name: Unique name, part of all names of the run.
        directory: The run's directory, under `.run`.
        cluster: Kafka, with the run's topics and group; of a secure one, for who may do everything.
        local_port: Port of the Kafka that the run has started; None if one was given.
        state_dir: State directory of its worker.
        http_port: HTTP port of its worker; None takes a free one.
        stores: The object stores, as in the setting.
        secure: The secure Kafka that the run has started; None for any other.
    """

    name: str
    directory: Path
    cluster: Cluster
    local_port: int | None
    state_dir: Path
    http_port: int | None
    stores: str
    secure: LocalCluster | None = None

    @property
    def key_store(self) -> Path:
        """The file with the keys of a secure run."""
        return self.directory / "key-store"

    def worker(self) -> WorkerProcess:
        """The run's worker, not yet started."""
        settings = {
            **self.variables("worker"),
            "AUDIO_STATE_DIR": str(self.state_dir),
            "AUDIO_HTTP_PORT": str(free_ports(1) if self.http_port is None else self.http_port),
        }
        return WorkerProcess(settings, self.directory / "worker.log")

    def console(self) -> ConsoleProcess:
        """The run's HTTP API with its console, not yet started."""
        settings = {**self.variables("api"), "AUDIO_STATE_DIR": str(self.directory / "state-api")}
        return ConsoleProcess(settings, free_ports(1), self.directory / "api.log")

    @property
    def store_configuration(self) -> StoresConfiguration:
        """The object stores, with the account of the environment."""
        return StoreSettings.from_environment({**os.environ, "AUDIO_STORES": self.stores}).store_configuration

    def cluster_of(self, role: str) -> Cluster:
        """Kafka for the holder of a role."""
        if self.secure is None:
            return self.cluster
        return replace(self.cluster, connection=secure_kafka.connection(secure_kafka.variables(self.secure, role)))

    def variables(self, role: str) -> dict[str, str]:
        """Environment variables for commands that use this run, as the holder of a role."""
        plain = {"KAFKA_BOOTSTRAP_SERVERS": self.cluster.bootstrap_servers}
        return {
            **(plain if self.secure is None else secure_kafka.variables(self.secure, role)),
            "AUDIO_TOPIC_PREFIX": self.cluster.prefix,
            "AUDIO_GROUP": self.cluster.group,
            "AUDIO_STORES": self.stores,
            **({} if self.secure is None else {"AUDIO_KEY_STORE": f"file://{self.key_store}"}),
        }

    def next_commands(self, worker: WorkerProcess, api: ConsoleProcess | None) -> str:
        """Commands to try after ``--keep``: to send, to listen, to look, and to stop the run."""
        exports = self._export("consumer")
        lines = [
            "Kafka and the worker go on. In a shell:",
            *([] if CHECKOUT is None else [f"  cd {shlex.quote(str(CHECKOUT))}"]),
            f"  {exports}",
            "  ./scripts/listen --from-beginning                                  # every result",
            *([] if self.secure is None else [f"  {self._export('telephony')}"]),
            "  ./scripts/emit FILE.wav --hotel seaside --call call-1 --realtime   # another call",
            *([] if api is None else [f"  open {api.url} in a browser: the console"]),
            f"  curl http://127.0.0.1:{worker.port}/metrics",
            f"  tail -f {shlex.quote(str(worker.log))}",
            "To stop:",
            f"  kill {worker.pid}  # the worker",
            *([] if api is None else [f"  kill {api.pid}  # the console"]),
        ]
        if self.local_port is None:
            lines.append(f"The topics {self.cluster.prefix}* stay on the Kafka that was given.")
        else:
            directory = shlex.quote(str(self.directory))
            lines.append(f"  AUDIO_RUN_DIR={directory} ./scripts/kafka down --port {self.local_port}")
        return "\n".join(lines)

    def _export(self, role: str) -> str:
        return "export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in self.variables(role).items())


def prepare(name: str, started: ExitStack, say: Callable[[str], None], *, secure: bool = False) -> DemoEnvironment:
    """Find or start a Kafka and create topics that no other run has.

    Args:
        name: Unique name of the run.
        started: Gets the callbacks that undo this.
        say: Called with a line before each long step.
        secure: Start a Kafka with TLS and an account for each role; none of them has rights yet, except the admin.

    Raises:
        SettingsError: If a variable in the environment is wrong, or secure and another Kafka is set.
        LocalKafkaError: If Kafka does not come up.
        CommandError: If the given Kafka does not answer.
        TopicError: If it refuses the topics.
    """
    if secure:
        _require_no_other_kafka()
    settings = Settings.from_environment(os.environ)
    is_set = {field: one.is_set(os.environ) for field, one in declared(Settings).items()}
    directory = run_directory(os.environ).absolute() / name
    if not is_set["bootstrap_servers"] and settings.security_protocol != PLAINTEXT:
        raise SettingsError(
            f"KAFKA_SECURITY_PROTOCOL={settings.security_protocol} is set, and no KAFKA_BOOTSTRAP_SERVERS:"
            " the demo's own Kafka is in plain text; set both or neither; --secure starts a secure one"
        )
    port = None if is_set["bootstrap_servers"] else free_ports(1)
    local = None if port is None else _start(directory, port, started, say, secure=secure)
    cluster = Cluster(_connection(local, settings), f"{settings.topic_prefix}{name}.", f"{settings.group}-{name}")
    say(f"creating topics on {cluster.bootstrap_servers}")
    try:
        asyncio.run(apply_topics(cluster.connection, cluster.prefix, cluster.group))
    except KafkaConnectionError as error:
        raise cluster.unreachable(error) from error
    if local is None:
        started.callback(remove_topics, cluster, say)
    return DemoEnvironment(
        name,
        directory,
        cluster,
        port,
        state_dir=(settings.state_dir if is_set["state_dir"] else directory) / f"state-{name}",
        http_port=settings.http_port if is_set["http_port"] else None,
        stores=settings.store_uris if is_set["store_uris"] else f"file://{quote(str(directory / 'objects'))}",
        secure=local if secure else None,
    )


def _require_no_other_kafka() -> None:
    """The accounts are those of the demo's own Kafka."""
    names = [one.variable for one in declared(ClusterSettings).values() if one.is_set(os.environ)]
    if given := [name for name in names if name.startswith("KAFKA_")]:
        raise SettingsError(f"--secure starts a Kafka with accounts of its own: unset {', '.join(given)}")


def _start(directory: Path, port: int, started: ExitStack, say: Callable[[str], None], *, secure: bool) -> LocalCluster:
    # Named as by scripts/kafka, so that scripts/kafka can stop it.
    accounts = list(load_roles()) if secure else None
    local = LocalCluster(directory / f"kafka-{port}", 1, port, say, accounts=accounts)
    started.callback(local.stop)
    local.start()
    return local


def _connection(local: LocalCluster | None, settings: Settings) -> KafkaConnection:
    """The connection for who may do everything."""
    if local is None:
        return settings.connection
    if local.security is None:
        return KafkaConnection(local.bootstrap_servers)
    return secure_kafka.connection(secure_kafka.variables(local, ADMIN))


def remove_topics(cluster: Cluster, say: Callable[[str], None]) -> None:
    """Remove the topics of a run.

    Args:
        cluster: Every topic whose name begins with its prefix is removed.
        say: Called if that fails.
    """

    async def remove() -> None:
        admin = cluster.connection.admin()
        try:
            await admin.start()
            await admin.delete_topics([name for name in await admin.list_topics() if name.startswith(cluster.prefix)])
        finally:
            await admin.close()

    try:
        asyncio.run(remove())
    except (KafkaError, OSError) as error:
        say(f"the topics {cluster.prefix}* could not be removed: {error}")
