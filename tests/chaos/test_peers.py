"""Connections between nodes: the connecting node selects the line, and each line can be cut separately."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from infra.kafka.ports import HOST, free_ports
from tests.chaos.peers import PeerLines, owner_of

#: Says hello to a given port on each input line, and prints the answer.
_NODE = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as line:
    line.settimeout(1.0)
    for _ in sys.stdin:
        line.sendall(b"hello")
        try:
            print(line.recv(5), flush=True)
        except TimeoutError:
            print("nothing", flush=True)
"""


class Node:
    """A process with a connection to another node."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def connected(cls, port: int) -> "Node":
        pipe, command = asyncio.subprocess.PIPE, (sys.executable, "-c", _NODE, str(port))
        return cls(await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe))

    @property
    def pid(self) -> int:
        return self._process.pid

    async def hears(self) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        return (await self._process.stdout.readline()).decode().strip()

    async def end(self) -> None:
        self._process.kill()
        await self._process.wait()


@pytest.fixture
async def nodes() -> AsyncIterator[tuple[PeerLines, list[Node]]]:
    """Lines between three nodes; nodes 1 and 2 are connected to an echo server of node 3."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    processes: dict[int, int] = {}
    first = free_ports(3 * PeerLines.PORTS)
    ports = range(first, first + 3 * PeerLines.PORTS)
    lines = PeerLines((1, 2, 3), ports, lambda port: owner_of(port, processes))
    listener = lines.listeners[3].brokers
    server = await asyncio.start_server(echo, HOST, listener.port)
    await lines.start()
    connected = []
    for number in (1, 2):
        connected.append(await Node.connected(listener.advertised_port))
        processes[number] = connected[-1].pid
    yield lines, connected
    await lines.stop()
    server.close()
    for node in connected:
        await node.end()


async def test_a_node_that_is_cut_off_reaches_no_other_and_the_others_do(nodes: tuple[PeerLines, list[Node]]) -> None:
    lines, (one, two) = nodes
    assert [await one.hears(), await two.hears()] == ["b'hello'"] * 2
    lines.cut_off(1)
    assert [await one.hears(), await two.hears()] == ["nothing", "b'hello'"]
    lines.restore()

    assert [await one.hears(), await two.hears()] == ["b'hello'"] * 2


async def test_a_node_that_is_cut_off_is_reached_by_none(nodes: tuple[PeerLines, list[Node]]) -> None:
    lines, (one, two) = nodes
    assert [await one.hears(), await two.hears()] == ["b'hello'"] * 2
    lines.cut_off(3)

    assert [await one.hears(), await two.hears()] == ["nothing"] * 2


def test_nobody_owns_a_port_that_is_not_connected() -> None:
    assert owner_of(free_ports(1), {1: os.getpid(), 2: 2**22 + 1}) is None
