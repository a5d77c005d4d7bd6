"""A real cluster whose brokers each worker reaches through proxies of its own, and each other through proxies too."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Self

from infra.kafka.cluster import LocalCluster
from infra.kafka.errors import LocalKafkaError
from infra.kafka.listeners import ProxiedListener
from infra.kafka.ports import HOST, free_ports
from tests.chaos.peers import PeerLines, owner_of
from tests.chaos.proxy import Link

_START_ATTEMPTS = 3
_LOOK_S = 0.5


class ProxiedCluster:
    """Brokers from Kafka's jars, with a listener for each worker, and one for a sender, behind a proxy of its own.

    The bench itself uses ``bootstrap_servers``: its view of the cluster is never cut.

    Args:
        directory: For everything the brokers own.
        brokers: 1 or 3.
        workers: How many workers have proxies.
        report: Told what takes long.

    Attributes:
        links: The proxies, by the client's number and the broker's; the sender's number follows the workers'.
        peers: The proxies between the brokers.
        sender: That number.
    """

    def __init__(self, directory: Path, brokers: int, workers: int, report: Callable[[str], None]) -> None:
        port = free_ports(brokers)
        self.sender = workers
        pairs = [(client, node) for client in range(workers + 1) for node in range(1, brokers + 1)]
        needed = 2 * len(pairs) + PeerLines.PORTS * brokers
        first = free_ports(needed, avoid=range(port, port + brokers))
        self.links: Mapping[tuple[int, int], Link] = {
            pair: Link(port=first + 2 * at, target=first + 2 * at + 1) for at, pair in enumerate(pairs)
        }
        listeners = {
            node: [
                ProxiedListener(f"CLIENT{client}", link.target, link.port)
                for (client, reached), link in self.links.items()
                if reached == node
            ]
            for node in range(1, brokers + 1)
        }
        ports = range(first + 2 * len(pairs), first + needed)
        self.peers = PeerLines(range(1, brokers + 1), ports, lambda port: owner_of(port, self._processes()))
        self.brokers = LocalCluster(directory, brokers, port, report, proxied=listeners, peers=self.peers.listeners)
        self._under_way: set[asyncio.Task[None]] = set()
        self._starting = {node: asyncio.Lock() for node in self.brokers.nodes}

    @property
    def bootstrap_servers(self) -> str:
        """The brokers themselves."""
        return self.brokers.bootstrap_servers

    def links_of(self, client: int) -> list[Link]:
        """One client's lines to all brokers."""
        return [link for (of, _), link in self.links.items() if of == client]

    def servers_of(self, client: int) -> str:
        """The brokers as one client reaches them."""
        return ",".join(f"{HOST}:{link.port}" for link in self.links_of(client))

    async def restart(self, node: int) -> None:
        """Stop a broker in order, if it runs, and start it again; also while another fault wants the same."""
        async with self._starting[node]:
            await self._restart(node)

    async def revive(self, node: int) -> None:
        """Start a broker again, unless somebody else has."""
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
            except LocalKafkaError:  # killed once more while it started
                if not left:
                    raise
            else:
                return

    def mend(self) -> None:
        """Let everything through again, everywhere."""
        for link in self.links.values():
            link.mend()
        self.peers.mend()

    def _processes(self) -> Mapping[int, int]:
        """Process ids of the brokers that run, by node."""
        found = {node: self.brokers.pid(node) for node in self.brokers.nodes}
        return {node: pid for node, pid in found.items() if pid is not None}

    async def __aenter__(self) -> Self:
        await self.peers.start()
        for link in self.links.values():
            await link.start()
        starting = asyncio.create_task(asyncio.to_thread(self.brokers.start))
        try:
            await asyncio.shield(starting)
        except BaseException:  # interrupted; the thread goes on, and what it starts has to be stopped
            await asyncio.wait([starting])
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        for link in self.links.values():
            await link.stop()
        await self.peers.stop()
        # A thread that starts a broker goes on when its task is cancelled, and would start it after the end.
        while self._under_way:
            for node in self.brokers.nodes:
                self.brokers.kill(node)
            await asyncio.wait(self._under_way, timeout=_LOOK_S)
        await asyncio.to_thread(self.brokers.stop)
