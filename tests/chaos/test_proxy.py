"""The proxy between workers and brokers cuts, delays and resets, and otherwise changes nothing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from infra.kafka.ports import HOST, free_ports
from tests.chaos.proxy import Link

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link to a server that sends back what it gets."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1 << 16):
            writer.write(data)
        writer.close()

    port = free_ports(2)
    server = await asyncio.start_server(echo, HOST, port)
    link = Link(port=port + 1, target=port)
    await link.start()
    yield link
    await link.stop()
    server.close()


async def ask(streams: Streams, question: bytes, within: float = 5.0) -> bytes:
    streams[1].write(question)
    return await asyncio.wait_for(streams[0].readexactly(len(question)), within)


async def test_everything_goes_through(link: Link) -> None:
    streams = await asyncio.open_connection(HOST, link.port)
    sent = bytes(range(256)) * 4096

    assert await ask(streams, sent) == sent
    streams[1].close()


async def test_nothing_goes_through_while_it_is_cut_and_everything_afterwards(link: Link) -> None:
    streams = await asyncio.open_connection(HOST, link.port)
    assert await ask(streams, b"before") == b"before"
    link.cut()
    with pytest.raises(TimeoutError):
        await ask(streams, b"within", within=0.2)
    link.mend()

    assert await asyncio.wait_for(streams[0].readexactly(6), 5) == b"within"
    streams[1].close()


async def test_a_new_connection_waits_while_it_is_cut(link: Link) -> None:
    link.cut()
    streams = await asyncio.open_connection(HOST, link.port)
    with pytest.raises(TimeoutError):
        await ask(streams, b"hello", within=0.2)
    link.mend()

    assert await asyncio.wait_for(streams[0].readexactly(5), 5) == b"hello"
    streams[1].close()


async def test_a_slow_line_is_slow_each_way(link: Link) -> None:
    streams = await asyncio.open_connection(HOST, link.port)
    link.delay = 0.1
    started = time.monotonic()

    assert await ask(streams, b"hello") == b"hello"
    assert time.monotonic() - started >= 0.2
    streams[1].close()


async def test_a_reset_breaks_connections_and_lets_new_ones_through(link: Link) -> None:
    streams = await asyncio.open_connection(HOST, link.port)
    assert await ask(streams, b"hello") == b"hello"
    link.reset()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(streams, b"hello")
    again = await asyncio.open_connection(HOST, link.port)

    assert await ask(again, b"hello") == b"hello"
    again[1].close()


async def test_a_client_learns_that_there_is_no_broker() -> None:
    nowhere = Link(port=free_ports(1), target=free_ports(1))
    await nowhere.start()
    streams = await asyncio.open_connection(HOST, nowhere.port)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(streams, b"hello")
    await nowhere.stop()
