"""A TCP proxy between one worker and one broker, whose line can be cut, slowed down and reset."""

import asyncio
from dataclasses import dataclass, field

from infra.kafka.ports import HOST

_CHUNK = 1 << 16
_CONNECT_WITHIN_S = 3.0


@dataclass
class Link:
    """Forwards what comes in at one loopback port to another.

    Attributes:
        port: Where it listens.
        target: Port of the broker's listener.
        delay: Seconds that every chunk takes longer, each way.
    """

    port: int
    target: int
    delay: float = 0.0
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self) -> None:
        """Listen."""
        self._open.set()
        self._server = await asyncio.start_server(self._serve, HOST, self.port)

    async def stop(self) -> None:
        """Close every connection and the port."""
        self._open.set()
        if self._server is not None:
            self._server.close()
        self.reset()

    def cut(self) -> None:
        """Let nothing through any more, as if every packet were lost; connections stay up and know nothing of it."""
        self._open.clear()

    def mend(self) -> None:
        """Let everything through at full speed, what was held back first."""
        self.delay = 0.0
        self._open.set()

    def reset(self) -> None:
        """Break every connection with a TCP reset."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._open.wait()
            async with asyncio.timeout(_CONNECT_WITHIN_S):
                far_reader, far_writer = await asyncio.open_connection(HOST, self.target)
        except (OSError, TimeoutError):
            writer.transport.abort()
            self._writers.discard(writer)
            return
        self._writers.add(far_writer)
        try:
            await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        except OSError:  # one side is gone
            pass
        finally:
            for side in (writer, far_writer):
                side.transport.abort()
                self._writers.discard(side)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # ends the other direction too
