"""A genuine cluster with proxies: between each worker and each broker, and between the brokers."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from infra.kafka.cluster import LocalCluster
from infra.kafka.errors import LocalKafkaError
from infra.kafka.listeners import ProxiedListener
from infra.kafka.ports import HOST, free_ports
from tests.chaos.installation import WORKER_ACCOUNT
from tests.chaos.peers import PeerLines, owner_of
from tests.chaos.proxy import Link

_START_ATTEMPTS = 3
_LOOK_S = 0.5


class ProxiedCluster:
    """Brokers from Kafka's jars, with a proxied listener for each worker and one for a sender.

    The bench itself uses ``bootstrap_servers``, which no fault affects.

    Args:
        directory: For everything that the brokers write.
        brokers: 1 or 3.
        workers: Number of workers with proxies.
        report: Called with a line before each long step.
        secure: Whether the workers have an account with the least rights, over TLS, and the brokers certificates. The
            bench itself and the sender may do everything, in plain text.

    Attributes:
        links: The proxies, by client number and broker; the sender's number follows the workers' numbers.
        peers: The proxies between the brokers.
        sender: The sender's client number.
        secure: As given.
    """

    def __init__(
        self, directory: Path, brokers: int, workers: int, report: Callable[[str], None], *, secure: bool = False
    ) -> None:
        port = free_ports(brokers)
        self.sender, self.secure = workers, secure
        pairs = [(client, node) for client in range(workers + 1) for node in range(1, brokers + 1)]
        needed = 2 * len(pairs) + PeerLines.PORTS * brokers
        first = free_ports(needed, avoid=range(port, port + brokers))
        self.links: Mapping[tuple[int, int], Link] = {
            pair: Link(port=first + 2 * at, target=first + 2 * at + 1, encrypted=secure)
            for at, pair in enumerate(pairs)
        }
        listeners = {
            node: [
                ProxiedListener(f"CLIENT{client}", link.target, link.port, plain=client == self.sender)
                for (client, reached), link in self.links.items()
                if reached == node
            ]
            for node in range(1, brokers + 1)
        }
        own = free_ports(brokers) if secure else port
        self._own_ports = range(own, own + brokers)
        if secure:
            for node, own_port in enumerate(self._own_ports, start=1):
                listeners[node].append(ProxiedListener("BENCH", own_port, own_port, plain=True))
        ports = range(first + 2 * len(pairs), first + needed)
        self.peers = PeerLines(
            range(1, brokers + 1), ports, lambda port: owner_of(port, self._processes()), encrypted=secure
        )
        self.brokers = LocalCluster(
            directory,
            brokers,
            port,
            report,
            proxied=listeners,
            peers=self.peers.listeners,
            accounts=[WORKER_ACCOUNT] if secure else None,
        )
        self._under_way: set[asyncio.Task[None]] = set()
        self._starting = {node: asyncio.Lock() for node in self.brokers.nodes}

    @property
    def bootstrap_servers(self) -> str:
        """The brokers' addresses without proxies, for who may do everything."""
        return ",".join(f"{HOST}:{port}" for port in self._own_ports)

    @property
    def login(self) -> Mapping[str, str]:
        """The settings by which a worker logs in; none where the cluster is not secure."""
        security = self.brokers.security
        if security is None:
            return {}
        return {
            "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "KAFKA_SASL_USERNAME": WORKER_ACCOUNT,
            "KAFKA_SASL_PASSWORD_FILE": str(security.password_file(WORKER_ACCOUNT)),
            "KAFKA_SSL_CAFILE": str(security.authorities),
        }

    def links_of(self, client: int) -> list[Link]:
        """One client's proxies to all brokers."""
        return [link for (of, _), link in self.links.items() if of == client]

    def servers_of(self, client: int) -> str:
        """The brokers' addresses through one client's proxies."""
        return ",".join(f"{HOST}:{link.port}" for link in self.links_of(client))

    async def restart(self, node: int) -> None:
        """Stop a broker cleanly if it runs, and start it again; other faults may do the same meanwhile."""
        async with self._starting[node]:
            await self._restart(node)

    async def revive(self, node: int) -> None:
        """Start a broker unless it runs."""
        async with self._starting[node]:
            if next(status.pid for status in self.brokers.status() if status.node == node) is None:
                await self._restart(node)

    async def _restart(self, node: int) -> None:
        for left in reversed(range(_START_ATTEMPTS)):
            try:
                starting = asyncio.create_task(asyncio.to_thread(self.brokers.restart, node))
                self._under_way.add(starting)
                starting.add_done_callback(self._under_way.discard)
                await asyncio.shield(starting)
            except LocalKafkaError:  # another fault killed it while it started
                if not left:
                    raise
            else:
                return

    def restore(self) -> None:
        """Restore all connections."""
        for link in self.links.values():
            link.restore()
        self.peers.restore()

    def _processes(self) -> Mapping[int, int]:
        """Process ids of the running brokers, by node."""
        found = {node: self.brokers.pid(node) for node in self.brokers.nodes}
        return {node: pid for node, pid in found.items() if pid is not None}

    async def __aenter__(self) -> Self:
        await self.peers.start()
        for link in self.links.values():
            await link.start()
        starting = asyncio.create_task(asyncio.to_thread(self.brokers.start))
        try:
            await asyncio.shield(starting)
        except BaseException:  # interrupted; the thread continues, and its processes have to be stopped
            await asyncio.wait([starting])
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for link in self.links.values():
            await link.stop()
        await self.peers.stop()
        # A thread that starts a broker continues when its task is cancelled, and would start the broker after the end.
        while self._under_way:
            for node in self.brokers.nodes:
                self.brokers.kill(node)
            await asyncio.wait(self._under_way, timeout=_LOOK_S)
        await asyncio.to_thread(self.brokers.stop)
