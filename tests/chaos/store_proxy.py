"""A proxy in front of an object store, which may be slow, full, or say that it sends more than it does."""

import asyncio
import contextlib
from dataclasses import dataclass, field

from infra.kafka.ports import HOST

_CHUNK = 1 << 16
_FULL = b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_WRITES = b"PUT", b"POST"


@dataclass
class StoreProxy:
    """Forwards connections to one instance of a store.

    Attributes:
        target: Loopback port of the instance.
        port: The port it listens on.
        delay: Seconds of additional delay for every chunk, each way.
        full: Whether everything that would be written is refused.
        cut_short: Whether each answer ends in its middle.
    """

    target: int
    port: int
    delay: float = 0.0
    full: bool = False
    cut_short: bool = False
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Start listening."""
        self._server = await asyncio.start_server(self._carry, HOST, self.port)

    async def stop(self) -> None:
        """Close every connection and the port."""
        if self._server is not None:
            self._server.close()
        self.reset()

    def restore(self) -> None:
        """Forward everything again, as it is."""
        self.delay, self.full, self.cut_short = 0.0, False, False

    def reset(self) -> None:
        """Break every connection, so that requests that follow meet a change."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        except OSError:
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(far_writer)
        with contextlib.suppress(OSError):
            await asyncio.gather(self._requests(reader, far_writer, writer), self._answers(far_reader, writer))
        for side in (writer, far_writer):
            side.transport.abort()
            self._writers.discard(side)

    async def _requests(
        self, reader: asyncio.StreamReader, far: asyncio.StreamWriter, near: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(_CHUNK):
            if self.full and data.startswith(_WRITES):
                near.write(_FULL)
                await near.drain()
                break
            await self._pass_on(data, far)
        raise ConnectionResetError  # ends the other direction too

    async def _answers(self, far: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        while data := await far.read(_CHUNK):
            if self.cut_short:
                await self._pass_on(data[: len(data) // 2], near)
                break
            await self._pass_on(data, near)
        raise ConnectionResetError

    async def _pass_on(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        if self.delay:
            await asyncio.sleep(self.delay)
        writer.write(data)
        await writer.drain()
