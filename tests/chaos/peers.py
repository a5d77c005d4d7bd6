"""Proxies between brokers: each broker can be cut off from each other one, while clients still reach both."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import psutil

from infra.kafka.listeners import PeerListeners, ProxiedListener
from infra.kafka.ports import HOST
from tests.chaos.proxy import Line

#: Returns the node that connects from a loopback port; None for other processes.
WhoseIs = Callable[[int], int | None]


class PeerLines:
    """The connections between nodes. All nodes connect to one port per listener; the connecting node selects the line.

    Args:
        nodes: The node ids.
        ports: Loopback ports to use, `PeerLines.PORTS` for each node.
        whose: Identifies the connecting node.
        encrypted: Whether the nodes speak TLS.

    Attributes:
        listeners: The listeners behind these lines, by node.
        fault: A lock, held by the fault that cuts lines.
    """

    PORTS = 4

    def __init__(self, nodes: Sequence[int], ports: Sequence[int], whose: WhoseIs, *, encrypted: bool = False) -> None:
        self._whose = whose
        self.fault = asyncio.Lock()
        self.listeners: Mapping[int, PeerListeners] = {
            node: PeerListeners(
                ProxiedListener("PEERS", ports[first], ports[first + 1]),
                ProxiedListener("CONTROLLER", ports[first + 2], ports[first + 3]),
            )
            for node, first in zip(nodes, range(0, len(ports), self.PORTS), strict=True)
        }
        self._lines = {
            (source, target, listener.port): Line(listener.port, encrypted=encrypted)
            for source in nodes
            for target in nodes
            for listener in self._listeners_of(target)
        }
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Start listening on all ports."""
        for node in self.listeners:
            for listener in self._listeners_of(node):
                self._servers.append(await self._listen(node, listener))

    async def stop(self) -> None:
        """Close every connection and every port."""
        for server in self._servers:
            server.close()
        for line in self._lines.values():
            line.restore()
            line.reset()

    def cut_off(self, node: int) -> None:
        """Block all traffic between one node and the others."""
        for (source, target, _), line in self._lines.items():
            if source != target and node in {source, target}:
                line.cut()

    def restore(self) -> None:
        """Unblock all traffic; held-back data is forwarded first."""
        for line in self._lines.values():
            line.restore()

    def _listeners_of(self, node: int) -> tuple[ProxiedListener, ProxiedListener]:
        return self.listeners[node].brokers, self.listeners[node].controllers

    async def _listen(self, node: int, listener: ProxiedListener) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            _, port = writer.get_extra_info("peername")
            source = self._whose(port)
            if source is None:  # it has ended, or is no node
                writer.transport.abort()
            else:
                await self._lines[source, node, listener.port].carry(reader, writer)

        return await asyncio.start_server(serve, HOST, listener.advertised_port)


def owner_of(port: int, processes: Mapping[int, int]) -> int | None:
    """Find the node whose connection comes from a loopback port.

    Args:
        port: Local port of the connecting process.
        processes: Process ids by node.
    """
    for node, pid in processes.items():
        try:
            connections = psutil.Process(pid).net_connections("tcp")
        except psutil.Error:
            continue
        if any(connection.laddr and connection.laddr.port == port for connection in connections):
            return node
    return None
