"""Clients that do not send what they began to send."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from streams.api import http_protocol
from streams.api.http_protocol import HttpProtocol, end_dead_connections

pytestmark = pytest.mark.timeout(120)
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[int]:
    """A server; its port."""
    listening = socket.socket()
    end_dead_connections(listening)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(echo, http=HttpProtocol, log_config=None, lifespan="off"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        await serving


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the server ends the connection without a word."""
    try:
        return await reader.read() == b""
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("sent", [b"", b"P", HEAD[:-2]], ids=["nothing", "a byte", "a head without its end"])
async def test_a_head_that_does_not_come_ends_the_connection(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEAD_WITHIN", 0.2)
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        assert await ended(reader)
        writer.close()


async def test_a_second_head_has_to_come_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + b"1234")
        assert (await reader.readuntil(b"1234")).startswith(b"HTTP/1.1 200")
        monkeypatch.setattr(http_protocol, "HEAD_WITHIN", 0.2)
        writer.write(HEAD[:-2])
        assert await ended(reader)
        writer.close()


async def test_a_body_may_take_longer_than_a_head(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        monkeypatch.setattr(http_protocol, "HEAD_WITHIN", 0.2)
        writer.write(HEAD)
        await asyncio.sleep(0.6)  # thrice as long
        writer.write(b"1234")
        assert (await reader.readuntil(b"1234")).startswith(b"HTTP/1.1 200")
        writer.close()
