"""The proxy cuts, delays and resets connections, and otherwise changes nothing."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from infra.kafka.ports import HOST, free_ports
from tests.chaos.proxy import Link
from tests.chaos.requests import HEARTBEAT, METADATA, OFFSET_FETCH, SYNC_GROUP

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
async def link() -> AsyncIterator[Link]:
    """A link to an echo server."""

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
    link.restore()

    assert await asyncio.wait_for(streams[0].readexactly(6), 5) == b"within"
    streams[1].close()


async def test_a_new_connection_waits_while_it_is_cut(link: Link) -> None:
    link.cut()
    streams = await asyncio.open_connection(HOST, link.port)
    with pytest.raises(TimeoutError):
        await ask(streams, b"hello", within=0.2)
    link.restore()

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


def request(kind: int) -> bytes:
    content = kind.to_bytes(2) + b"\0\x01body"
    return len(content).to_bytes(4) + content


async def test_a_refused_line_breaks_connections_and_takes_none(link: Link) -> None:
    streams = await asyncio.open_connection(HOST, link.port)
    assert await ask(streams, b"hello") == b"hello"
    link.refuse()
    for refused in (streams, await asyncio.open_connection(HOST, link.port)):
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
            await ask(refused, b"hello")
    link.restore()
    again = await asyncio.open_connection(HOST, link.port)

    assert await ask(again, b"hello") == b"hello"
    again[1].close()


@pytest.mark.parametrize("all_but", [False, True])
async def test_a_line_refuses_some_kinds_of_request_only(link: Link, all_but: bool) -> None:
    if all_but:
        link.refuse_all_but(HEARTBEAT)
    else:
        link.refuse(METADATA)
    streams = await asyncio.open_connection(HOST, link.port)

    assert await ask(streams, request(HEARTBEAT)) == request(HEARTBEAT)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(streams, request(METADATA))


async def test_a_request_is_looked_for_on_the_connection_of_another(link: Link) -> None:
    seen = link.watch(OFFSET_FETCH, after=SYNC_GROUP, then=link.refuse)
    first, second = [await asyncio.open_connection(HOST, link.port) for _ in range(2)]
    assert await ask(first, request(SYNC_GROUP)) == request(SYNC_GROUP)
    assert await ask(second, request(OFFSET_FETCH)) == request(OFFSET_FETCH)
    assert not seen.is_set()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await ask(first, request(OFFSET_FETCH))

    assert seen.is_set()
