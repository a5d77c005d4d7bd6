"""TCP proxies between clients and brokers, whose connections can be cut, slowed down and reset."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from infra.kafka.ports import HOST
from tests.chaos.requests import API_VERSIONS, RequestKinds

_CHUNK = 1 << 16
_CONNECT_WITHIN_S = 3.0


@dataclass(frozen=True, slots=True)
class _Watch:
    """Waits for a request of one kind, on a connection that has carried one of another kind."""

    kind: int
    after: int | None
    then: Callable[[], None]
    happened: asyncio.Event


@dataclass
class Line:
    """Forwards the connections between one client and one broker.

    Attributes:
        target: Loopback port of the broker's listener.
        delay: Seconds of additional delay for every chunk, each way.
        encrypted: Whether the client speaks TLS; then no request can be recognised.
    """

    target: int
    delay: float = 0.0
    encrypted: bool = False
    _open: asyncio.Event = field(default_factory=asyncio.Event)
    _refused: bool = False
    _passes: Callable[[int], bool] | None = None
    _watch: _Watch | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._open.set()

    def cut(self) -> None:
        """Block all traffic, as if every packet were lost; connections stay open."""
        self._open.clear()

    def refuse(self, *kinds: int) -> None:
        """Break connections with a TCP reset.

        Args:
            kinds: API keys of the requests that break their connection; none breaks all connections, also new ones.
        """
        self._passes = lambda kind: kind not in kinds
        self._refused = not kinds
        if self._refused:
            self.reset()

    def refuse_all_but(self, *kinds: int) -> None:
        """Break each connection with a TCP reset as soon as it carries a request of any other kind.

        Args:
            kinds: API keys of the requests that get through.
        """
        self._passes = lambda kind: kind in {API_VERSIONS, *kinds}

    def watch(self, kind: int, *, after: int | None = None, then: Callable[[], None] = lambda: None) -> asyncio.Event:
        """Look for the next request of one kind.

        Args:
            kind: The request's API key.
            after: The API key of a request that the same connection has carried before; None for any connection.
            then: Called before the request is passed on, which it is not if this line is refused by then.

        Returns:
            Set when that has happened.
        """
        self._watch = _Watch(kind, after, then, asyncio.Event())
        return self._watch.happened

    def restore(self) -> None:
        """Unblock all traffic without delay; held-back data is forwarded first."""
        self.delay = 0.0
        self._refused, self._passes = False, None
        self._watch = None
        self._open.set()

    def reset(self) -> None:
        """Break every connection with a TCP reset."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward one connection of the client to the broker, until either side ends it."""
        if self._refused:
            writer.transport.abort()
            return
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
            requests = None if self.encrypted else RequestKinds()
            await asyncio.gather(self._pump(reader, far_writer, requests), self._pump(far_reader, writer))
        except OSError:  # one side has closed it
            pass
        finally:
            for side in (writer, far_writer):
                side.transport.abort()
                self._writers.discard(side)

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, kinds: RequestKinds | None = None
    ) -> None:
        seen: set[int] = set()
        while data := await reader.read(_CHUNK):
            for kind in kinds.feed(data) if kinds is not None else ():
                self._sees(kind, seen)
            if self.delay:
                await asyncio.sleep(self.delay)
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError  # ends the other direction too

    def _sees(self, kind: int, before: set[int]) -> None:
        """Record a request; raises if it must not pass."""
        watch = self._watch
        if watch is not None and kind == watch.kind and (watch.after is None or watch.after in before):
            self._watch = None
            watch.then()
            watch.happened.set()
        before.add(kind)
        if self._refused or not (self._passes is None or self._passes(kind)):
            raise ConnectionResetError


@dataclass
class Link(Line):
    """A line with a loopback port for one client.

    Attributes:
        port: The port it listens on.
    """

    port: int = field(kw_only=True)
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Start listening."""
        self._server = await asyncio.start_server(self.carry, HOST, self.port)

    async def stop(self) -> None:
        """Close every connection and the port."""
        self.restore()
        if self._server is not None:
            self._server.close()
        self.reset()
