"""A local Kafka cluster of one or three brokers on loopback, run from Apache Kafka's own jars."""

import asyncio
import base64
import json
import secrets
import shutil
import signal
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from infra.kafka.broker import Broker
from infra.kafka.errors import ClusterMismatchError, LocalKafkaError
from infra.kafka.jars import ensure_jars, silent
from infra.kafka.listeners import PeerListeners, ProxiedListener
from infra.kafka.ports import HOST, free_ports, require_free
from infra.kafka.readiness import wait_until_ready
from infra.kafka.secure import ADMIN, ClusterSecurity
from infra.locks import locked_directory

SIZES = (1, 3)
_START_TIMEOUT_S = 90.0
_END_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class NodeStatus:
    """The state of one broker; `pid` is None if it is not running."""

    node: int
    port: int
    pid: int | None
    accepts: bool


class LocalCluster:
    """Brokers 1 to `brokers` on adjacent loopback ports from `port`, with all their files in `directory`.

    The brokers outlive this object and the process that starts them; another object on the same directory finds
    them again. The methods block: call them in a thread if an event loop runs.

    Args:
        directory: For all files of the cluster.
        brokers: 1 or 3.
        port: The port of the first broker.
        report: Called with a message before a slow step.
        proxied: Additional listeners for clients, by node.
        peers: The listeners through which the other nodes reach a node by proxy, by node.
        accounts: Names of the accounts of a secure cluster, see `ClusterSecurity`; None for one in plain text.

    Attributes:
        security: The files of a secure cluster; None for one in plain text.
    """

    def __init__(
        self,
        directory: Path,
        brokers: int,
        port: int,
        report: Callable[[str], None] = silent,
        *,
        proxied: Mapping[int, Sequence[ProxiedListener]] | None = None,
        peers: Mapping[int, PeerListeners] | None = None,
        accounts: Sequence[str] | None = None,
    ) -> None:
        if brokers not in SIZES:
            raise LocalKafkaError(f"a local cluster has 1 or 3 brokers, not {brokers}")
        self._directory = directory.absolute()
        self._report = report
        proxied, self._peers = proxied or {}, peers or {}
        behind = [listener for side in proxied.values() for listener in side]
        behind += [listener for side in self._peers.values() for listener in (side.brokers, side.controllers)]
        self._proxied_ports = {port for listener in behind for port in (listener.port, listener.advertised_port)}
        self._accounts = None if accounts is None else tuple(accounts)
        if accounts is not None:  # the brokers' data has calls, and what passwords are checked with
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.security = None if accounts is None else ClusterSecurity(self._directory / "secure", accounts)
        self._brokers = [
            Broker(
                self._directory / f"node-{node}",
                node,
                port + node - 1,
                proxied=proxied.get(node, ()),
                peers=self._peers.get(node),
                security=self.security,
            )
            for node in range(1, brokers + 1)
        ]

    @classmethod
    def found(cls, directory: Path, report: Callable[[str], None] = silent) -> "LocalCluster | None":
        """Return the cluster that was started in a directory, or None."""
        identity = _Identity.read(directory)
        if identity is None:
            return None
        return cls(directory, identity.brokers, identity.port, report, accounts=identity.accounts)

    @property
    def bootstrap_servers(self) -> str:
        """The bootstrap servers for clients; in a secure cluster, for those with an account."""
        return _servers(broker.port for broker in self._brokers)

    @property
    def mutual_servers(self) -> str:
        """The bootstrap servers of a secure cluster for clients with a certificate."""
        return _servers(self._identity().mutual_ports)

    @property
    def nodes(self) -> Sequence[int]:
        """The node ids, which begin with 1."""
        return [broker.node for broker in self._brokers]

    def start(self) -> None:
        """Start the brokers that are not running, on their existing data, and wait until transactions commit.

        If that fails, the brokers that this call started are ended again.
        """
        with locked_directory(self._directory):
            self._require_same_shape()
            idle = [broker for broker in self._brokers if broker.pid() is None]
            for broker in idle:
                require_free(broker.port)
            jars = ensure_jars(self._report)
            identity = self._identity()
            try:
                self._launch(idle, identity, jars)
            except BaseException:
                _end(idle)
                raise

    def stop(self) -> None:
        """Kill every broker at once and remove the data."""
        with locked_directory(self._directory):
            _end(self._brokers)
            shutil.rmtree(self._directory, ignore_errors=True)

    def status(self) -> list[NodeStatus]:
        """The state of every broker."""
        return [NodeStatus(b.node, b.port, b.pid(), b.accepts()) for b in self._brokers]

    def pid(self, node: int) -> int | None:
        """Return the process id of one broker, or None if it is not running."""
        return self._broker(node).pid()

    def kill(self, node: int, number: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal to one broker; do not wait for its effect."""
        self._broker(node).signal(number)

    def restart(self, node: int) -> None:
        """Shut down one broker in order, if it runs, and start it again on its existing data.

        Returns when it accepts connections.
        """
        broker = self._broker(node)
        identity = self._identity()
        broker.signal(signal.SIGCONT)  # a paused process would not receive the next signal
        broker.signal(signal.SIGTERM)
        if not broker.wait_until_ended(_END_TIMEOUT_S):
            _end([broker])
        broker.start(ensure_jars(self._report), identity.cluster_id)
        broker.wait_until_accepting(_START_TIMEOUT_S)

    def _launch(self, idle: Sequence[Broker], identity: "_Identity", jars: Path) -> None:
        if idle:
            self._report(f"starting {len(idle)} broker{'s' if len(idle) > 1 else ''}")
        voters = [peers.controllers.advertised_port for _, peers in sorted(self._peers.items())]
        for broker in idle:
            controller_port = identity.controller_ports[broker.node - 1]
            mutual_port = identity.mutual_ports[broker.node - 1] if identity.mutual_ports else None
            broker.configure(identity.cluster_id, controller_port, voters or identity.controller_ports, mutual_port)
            broker.start(jars, identity.cluster_id)
        for broker in self._brokers:
            broker.wait_until_accepting(_START_TIMEOUT_S)
        self._report("waiting until a transaction commits")
        asyncio.run(wait_until_ready(self._admin_options(), len(self._brokers), _START_TIMEOUT_S))

    def _admin_options(self) -> dict[str, Any]:
        """Arguments of aiokafka's classes, for a client that may do everything."""
        if self.security is None:
            return {"bootstrap_servers": self.bootstrap_servers}
        context = ssl.create_default_context(cafile=str(self.security.authorities))
        context.load_cert_chain(self.security.certificate(ADMIN))
        return {"bootstrap_servers": self.mutual_servers, "security_protocol": "SSL", "ssl_context": context}

    def _broker(self, node: int) -> Broker:
        return self._brokers[node - 1]

    def _identity(self) -> "_Identity":
        identity = _Identity.read(self._directory)
        if identity is None:
            controllers = [peers.controllers.port for _, peers in sorted(self._peers.items())]
            brokers, port = len(self._brokers), self._brokers[0].port
            if not controllers:
                controllers = self._free_ports_beside(brokers, port)
            mutual = [] if self._accounts is None else self._free_ports_beside(brokers, port, controllers)
            identity = _Identity.create(port, controllers, mutual, self._accounts)
            identity.write(self._directory)
        return identity

    def _free_ports_beside(self, brokers: int, port: int, others: Sequence[int] = ()) -> list[int]:
        first = free_ports(brokers, avoid={*range(port, port + brokers), *self._proxied_ports, *others})
        return list(range(first, first + brokers))

    def _require_same_shape(self) -> None:
        found = _Identity.read(self._directory)
        wanted = (len(self._brokers), self._brokers[0].port, self._accounts)
        if found is not None and (found.brokers, found.port, found.accounts) != wanted:
            kind = "cluster" if found.accounts is None else f"secure cluster for {', '.join(found.accounts)}"
            raise ClusterMismatchError(
                f"{self._directory} holds a {kind} of {found.brokers} on port {found.port}: stop that first"
            )


@dataclass(frozen=True, slots=True)
class _Identity:
    """The values that must not change, so that brokers find their data and each other again."""

    cluster_id: str
    port: int
    controller_ports: tuple[int, ...]
    mutual_ports: tuple[int, ...]
    accounts: tuple[str, ...] | None

    @property
    def brokers(self) -> int:
        return len(self.controller_ports)

    @classmethod
    def create(
        cls,
        port: int,
        controller_ports: Sequence[int],
        mutual_ports: Sequence[int],
        accounts: tuple[str, ...] | None,
    ) -> "_Identity":
        # Kafka's ids are 16 bytes in base64. The leading zero byte prevents a hyphen at the start, as options have.
        cluster_id = base64.urlsafe_b64encode(b"\0" + secrets.token_bytes(15)).decode()[:22]
        return cls(cluster_id, port, tuple(controller_ports), tuple(mutual_ports), accounts)

    @classmethod
    def read(cls, directory: Path) -> "_Identity | None":
        try:
            stored = json.loads((directory / "cluster.json").read_text())
        except FileNotFoundError:
            return None
        accounts = stored.get("accounts")  # clusters of earlier releases are in plain text
        return cls(
            stored["cluster_id"],
            stored["port"],
            tuple(stored["controller_ports"]),
            tuple(stored.get("mutual_ports", ())),
            None if accounts is None else tuple(accounts),
        )

    def write(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        draft = directory / "cluster.json.new"
        draft.write_text(json.dumps(asdict(self)))
        draft.replace(directory / "cluster.json")


def _end(brokers: Sequence[Broker]) -> None:
    for broker in brokers:
        broker.signal(signal.SIGKILL)
    for broker in brokers:
        if not broker.wait_until_ended(_END_TIMEOUT_S):
            raise LocalKafkaError(f"broker {broker.node} does not end (its log: {broker.log})")


def _servers(ports: Iterable[int]) -> str:
    return ",".join(f"{HOST}:{port}" for port in ports)
