"""One broker: its configuration on disk and its process."""

import json
import shutil
import signal
import string
import time
from collections.abc import Sequence
from pathlib import Path

from infra.kafka import listeners
from infra.kafka.errors import LocalKafkaError
from infra.kafka.listeners import PeerListeners, ProxiedListener
from infra.kafka.ports import HOST, accepts
from infra.kafka.secure import ClusterSecurity
from infra.process import DetachedProcess
from infra.secret_files import write_secret

_HERE = Path(__file__).parent
_POLL_S = 0.05


class Broker:
    """One KRaft node in a directory of its own: `broker.properties`, `data/`, `broker.log` and `pid`.

    The process outlives this object.
    """

    def __init__(
        self,
        directory: Path,
        node: int,
        port: int,
        *,
        proxied: Sequence[ProxiedListener] = (),
        peers: PeerListeners | None = None,
        security: ClusterSecurity | None = None,
    ) -> None:
        self.node = node
        self.port = port
        self._proxied = proxied
        self._peers = peers
        self._security = security
        self.log = directory / "broker.log"
        self._directory = directory
        self._properties = directory / "broker.properties"
        # Arguments that identify the process: the directory while the script formats it, later the properties file.
        self._process = DetachedProcess(directory / "pid", self.log, (str(directory), str(self._properties)))

    def configure(
        self, cluster_id: str, controller_port: int, voter_ports: Sequence[int], mutual_port: int | None = None
    ) -> None:
        """Write the node's configuration.

        Args:
            cluster_id: The cluster's id.
            controller_port: The port of the node's controller listener.
            voter_ports: The ports at which each node reaches the controllers of all nodes, in the order of the nodes.
            mutual_port: The port for clients with a certificate, of a secure cluster.
        """
        brokers = len(voter_ports)
        voters = ",".join(f"{node}@{HOST}:{port}" for node, port in enumerate(voter_ports, start=1))
        template = string.Template((_HERE / "broker.properties").read_text())
        self._directory.mkdir(parents=True, exist_ok=True)
        text = template.substitute(
            node=self.node,
            voters=voters,
            bind_host=HOST,
            advertised_host=HOST,
            port=self.port,
            controller_port=controller_port,
            data=self._directory / "data",
            replication=brokers,
            min_isr=max(1, brokers - 1),
        )
        if self._security is None or mutual_port is None:
            text += listeners.properties(self.port, controller_port, self._proxied, self._peers)
        else:
            text += self._security.properties(
                self.port, mutual_port, controller_port, proxied=self._proxied, peers=self._peers
            )
            arguments = self._security.format_arguments(cluster_id, self._properties)
            # Java reads them as quoted strings, in which a path may have blanks.
            write_secret(
                self._directory / "format.arguments",
                "\n".join(json.dumps(one, ensure_ascii=False) for one in arguments).encode(),
            )
        write_secret(self._properties, text.encode())

    def start(self, jars: Path, cluster_id: str) -> None:
        """Start the process in a session of its own, so that it outlives the command that starts it."""
        if shutil.which("java") is None:
            raise LocalKafkaError("Java is not installed; Kafka needs version 17 or newer")
        command = ["sh", str(_HERE / "start-broker.sh"), str(jars), str(self._directory), cluster_id]
        self._process.start(command)

    def pid(self) -> int | None:
        """Return the id of the running process, or None if it is not running."""
        return self._process.pid()

    def accepts(self) -> bool:
        """Whether the broker runs and accepts connections."""
        return self.pid() is not None and accepts(self.port)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the broker and its child processes; do nothing if it is not running."""
        self._process.signal(number)

    def wait_until_ended(self, timeout: float) -> bool:
        """Wait for the process to end; return whether it did."""
        return self._process.wait_until_ended(timeout)

    def wait_until_accepting(self, timeout: float) -> None:
        """Wait for the broker to accept connections; raise LocalKafkaError with the end of its log if it does not."""
        deadline = time.monotonic() + timeout
        while not self.accepts():
            if self.pid() is None:
                raise LocalKafkaError(f"broker {self.node} ended while starting:\n{self._process.log_tail()}")
            if time.monotonic() > deadline:
                raise LocalKafkaError(f"broker {self.node} was not up in {timeout:.0f} s:\n{self._process.log_tail()}")
            time.sleep(_POLL_S)
