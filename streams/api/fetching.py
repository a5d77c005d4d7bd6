"""Reads single records by their positions: bytes are in Kafka alone, and the index says where."""

import asyncio
import contextlib
import time
from collections import OrderedDict

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from schemas import Position, Record
from streams.clients.messages import record_of
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.record_at import record_at

_TIMEOUT = 5.0  # seconds for one record
_STOP_TIMEOUT = 5.0
#: Records that are asked for at a time: a broker has the next one ready while an answer is read. Each comes with its
#: batch, of a megabyte at most as a rule.
_AT_ONCE = 32
#: Bytes of values that are kept for who asks for the next part of a file, and for how many seconds: no longer than it
#: takes to notice that a topic was made anew, or that a record is past its retention.
_KEPT_BYTES, _KEPT_FOR = 8 * 2**20, 10.0


class FetchFailedError(Exception):
    """The brokers did not return a record in time. Trying again may help; the message is one line."""


class RecordFetcher:
    """Fetches records over one connection to each broker, which is made when it is needed.

    Args:
        connection: The cluster.
    """

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._client: AIOKafkaClient | None = None
        self._connecting = asyncio.Lock()
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._fetching: dict[Position, asyncio.Task[Record | None]] = {}
        self._kept: OrderedDict[Position, tuple[float, Record]] = OrderedDict()
        self._kept_bytes = 0

    async def fetch(self, position: Position) -> Record | None:
        """The record at a position; several who ask for it at the same time share one request.

        Returns:
            The record; None if it is past its retention, or cannot be read.

        Raises:
            FetchFailedError: If the brokers do not answer in time.
        """
        self._forget_old()
        if position in self._kept:
            return self._kept[position][1]
        fetching = self._fetching.get(position)
        if fetching is None:
            fetching = self._fetching[position] = asyncio.create_task(self._fetch(position))
            fetching.add_done_callback(lambda done: self._fetched(position, done))
        return await asyncio.shield(fetching)  # others may wait for it, also when this request ends

    async def close(self) -> None:
        """Close the connections."""
        async with self._connecting:
            client, self._client = self._client, None
            if client is not None:
                await _close(client)

    async def _fetch(self, position: Position) -> Record | None:
        try:
            async with asyncio.timeout(_TIMEOUT), self._places:
                message = await record_at(await self._connected(), position)
        except (TimeoutError, KafkaError, OSError) as error:
            place = f"{position.topic}/{position.partition}/{position.offset}"
            raise FetchFailedError(f"the brokers do not return {place} ({type(error).__name__})") from error
        return None if message is None or isinstance(message, Unreadable) else record_of(message)

    async def _connected(self) -> AIOKafkaClient:
        async with self._connecting:
            if self._client is None:
                client = self._connection.client()
                try:
                    async with explained_refusal(self._connection):
                        await client.bootstrap()
                except BaseException:
                    await asyncio.shield(_close(client))
                    raise
                self._client = client
            return self._client

    def _fetched(self, position: Position, done: "asyncio.Task[Record | None]") -> None:
        del self._fetching[position]
        if done.cancelled() or done.exception() is not None:
            return
        record = done.result()
        if record is not None and _size(record) <= _KEPT_BYTES:
            self._kept[position] = (time.monotonic(), record)
            self._kept_bytes += _size(record)
            while self._kept_bytes > _KEPT_BYTES:
                self._forget()

    def _forget_old(self) -> None:
        oldest = time.monotonic() - _KEPT_FOR
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._forget()

    def _forget(self) -> None:
        _, (_, record) = self._kept.popitem(last=False)
        self._kept_bytes -= _size(record)


def _size(record: Record) -> int:
    return len(record.value or b"")


async def _close(client: AIOKafkaClient) -> None:
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        await asyncio.wait_for(client.close(), _STOP_TIMEOUT)
