"""Clients that do not send what they began to send."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from http import HTTPStatus

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.api import http_protocol
from streams.api.http_protocol import HttpProtocol, end_dead_connections

pytestmark = pytest.mark.timeout(120)
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(await Request(scope, receive).body())(scope, receive, send)


@contextlib.asynccontextmanager
async def served(app: ASGIApp = echo) -> AsyncIterator[int]:
    """A server; its port."""
    listening = socket.socket()
    end_dead_connections(listening)
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=HttpProtocol, log_config=None, lifespan="off"))
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


async def test_who_takes_nothing_of_an_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "_TAKEN_WITHIN_MS", 300)
    gone = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        async def parts() -> AsyncIterator[bytes]:
            while True:
                yield bytes(2**20)
                await asyncio.sleep(0)  # sending to nobody takes no time

        try:
            await StreamingResponse(parts())(scope, receive, send)
        finally:
            gone.set()

    async with served(endless) as port:
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await gone.wait()  # although the client is still there


async def test_what_is_no_http_is_refused_by_a_problem_document() -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"this is no HTTP\r\n\r\n")
        assert await told(reader) == HTTPStatus.BAD_REQUEST
        writer.close()


@pytest.mark.parametrize("again", [b"x", b"X: x\r\n"], ids=["a header", "headers"])
async def test_a_head_without_an_end_is_refused_by_a_problem_document(again: bytes) -> None:
    async with served() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        telling = asyncio.create_task(told(reader))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + bytes(b"x" * 2**16) + b"\r\nX: ")
        while not telling.done():
            writer.write(again)
            await asyncio.sleep(0.01)
        assert await telling == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        writer.close()


async def told(reader: asyncio.StreamReader) -> int:
    """The status of a problem document, with which a connection ends."""
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"application/problem+json" in head
    body = json.loads(await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r")[0])))
    assert head.startswith(f"HTTP/1.1 {body['status']} ".encode())
    return int(body["status"])
