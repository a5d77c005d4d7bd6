"""Asks an HTTP server from many addresses of this machine, at a tenth of the processor time that the server takes."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import httptools


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; status 0 if there was none."""

    status: int
    body: bytes


_NONE = Answer(0, b"")


class Client:
    """Keeps connections from each address, and opens another one when all of them are in use.

    Args:
        port: The server's, on 127.0.0.1.
        most: Requests at a time; further ones wait.
    """

    def __init__(self, port: int, most: int = 800) -> None:
        self._port = port
        self._places = asyncio.Semaphore(most)
        self._idle: dict[str, list[_Connection]] = defaultdict(list)

    async def ask(
        self, address: str, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Answer:
        """Send a request and wait for its answer.

        Args:
            address: The address of this machine from which it is sent, such as ``127.0.0.7``.
            method: HTTP's.
            target: Path and query.
            headers: Without ``Host`` and ``Content-Length``.
            body: What is sent with it.
        """
        lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{self._port}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        head = "\r\n".join([*lines, "", ""]).encode()
        async with self._places:
            try:
                connection = await self._connection(address)
                answer = await connection.ask(head, body)
            except OSError:
                return _NONE
            if connection.usable:
                self._idle[address].append(connection)
            return answer

    def close(self) -> None:
        """Close all connections that are not in use."""
        for connections in self._idle.values():
            for one in connections:
                one.close()
        self._idle.clear()

    async def _connection(self, address: str) -> "_Connection":
        idle = self._idle[address]
        while idle:
            if (one := idle.pop()).usable:
                return one
        loop = asyncio.get_running_loop()
        _, made = await loop.create_connection(_Connection, "127.0.0.1", self._port, local_addr=(address, 0))
        return made


class _Connection(asyncio.Protocol):
    """One connection, with one request at a time."""

    def __init__(self) -> None:
        self.usable = True
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._parts: list[bytes] = []
        self._parser = httptools.HttpResponseParser(self)

    async def ask(self, head: bytes, body: bytes) -> Answer:
        if self._transport is None or not self.usable:
            return _NONE
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(head)
        if body:
            self._transport.write(body)
        return await self._waiting

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.close()

    def connection_lost(self, _: Exception | None) -> None:
        self.usable = False
        self._answer(_NONE)

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        status, content = self._parser.get_status_code(), b"".join(self._parts)
        self._parts.clear()
        if self._parser.should_keep_alive():
            self._parser = httptools.HttpResponseParser(self)
        else:
            self.usable = False
            self.close()
        self._answer(Answer(status, content))

    def _answer(self, answer: Answer) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(answer)
