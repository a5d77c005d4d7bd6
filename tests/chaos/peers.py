"""Proxies between the brokers themselves: each can be cut off from each other one, while clients still reach both."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import psutil

from infra.kafka.listeners import PeerListeners, ProxiedListener
from infra.kafka.ports import HOST
from tests.chaos.proxy import Line

#: Tells which node connects from a loopback port; None for who is none.
WhoseIs = Callable[[int], int | None]


class PeerLines:
    """The lines between nodes. All nodes reach a listener at one port: by whose the connection is, it has its line.

    Args:
        nodes: The node ids.
        ports: Loopback ports to use, `PeerLines.PORTS` for each node.
        whose: Tells who connects.

    Attributes:
        doors: The listeners that these lines lead to, by node.
        fault: Held by whoever cuts them.
    """

    PORTS = 4

    def __init__(self, nodes: Sequence[int], ports: Sequence[int], whose: WhoseIs) -> None:
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
            (source, target, listener.port): Line(listener.port)
            for source in nodes
            for target in nodes
            for listener in self._doors_of(target)
        }
        self._servers: list[asyncio.Server] = []

    async def start(self) -> None:
        """Listen at every door."""
        for node in self.listeners:
            for listener in self._doors_of(node):
                self._servers.append(await self._listen(node, listener))

    async def stop(self) -> None:
        """Close every connection and every port."""
        for server in self._servers:
            server.close()
        for line in self._lines.values():
            line.mend()
            line.reset()

    def cut_off(self, node: int) -> None:
        """Let nothing through between one node and the others, either way."""
        for (source, target, _), line in self._lines.items():
            if source != target and node in {source, target}:
                line.cut()

    def mend(self) -> None:
        """Let everything through again, what was held back first."""
        for line in self._lines.values():
            line.mend()

    def _doors_of(self, node: int) -> tuple[ProxiedListener, ProxiedListener]:
        return self.listeners[node].brokers, self.listeners[node].controllers

    async def _listen(self, node: int, listener: ProxiedListener) -> asyncio.Server:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            _, port = writer.get_extra_info("peername")
            source = self._whose(port)
            if source is None:  # ended since, or no node
                writer.transport.abort()
            else:
                await self._lines[source, node, listener.port].carry(reader, writer)

        return await asyncio.start_server(serve, HOST, listener.advertised_port)


def owner_of(port: int, processes: Mapping[int, int]) -> int | None:
    """Find whose connection comes from a loopback port.

    Args:
        port: The local port of the one who connects.
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
