"""Reads single records by their positions: bytes are in Kafka alone, and the index says where."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import AsyncIterator

from aiokafka import ConsumerRecord
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas import Position, Record
from streams.clients.messages import record_of
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer
from streams.kafka.protocol.unreadable import Unreadable

#: Bytes that a broker sends at a time; a larger record comes alone.
_FETCH_BYTES = 64 * 2**10
_TIMEOUT = 5.0  # seconds for one record
_STOP_TIMEOUT = 5.0


class FetchFailedError(Exception):
    """The brokers did not return a record in time. Trying again may help; the message is one line."""


class RecordFetcher:
    """Fetches records with a few consumers, which are made when they are needed and used again.

    Args:
        connection: The cluster.
        consumers: Of each topic, at most; further requests wait for one.
    """

    def __init__(self, connection: KafkaConnection, consumers: int = 4) -> None:
        self._connection = connection
        self._slots: dict[str, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(consumers))
        self._idle: dict[str, list[TolerantConsumer]] = defaultdict(list)

    async def fetch(self, position: Position) -> Record | None:
        """The record at a position.

        Returns:
            The record; None if it is past its retention, or cannot be read.

        Raises:
            FetchFailedError: If the brokers do not answer in time.
        """
        try:
            async with asyncio.timeout(_TIMEOUT), self._consumer(position.topic) as consumer:
                message = await _read(consumer, position)
        except (TimeoutError, KafkaError, OSError) as error:
            place = f"{position.topic}/{position.partition}/{position.offset}"
            raise FetchFailedError(f"the brokers do not return {place} ({type(error).__name__})") from error
        gone = message is None or message.offset != position.offset or isinstance(message, Unreadable)
        return None if gone else record_of(message)

    async def close(self) -> None:
        """Close the consumers."""
        idle = [one for consumers in self._idle.values() for one in consumers]
        self._idle.clear()
        for consumer in idle:
            await _stop(consumer)

    @contextlib.asynccontextmanager
    async def _consumer(self, topic: str) -> AsyncIterator[TolerantConsumer]:
        async with self._slots[topic]:
            consumer = self._idle[topic].pop() if self._idle[topic] else await self._new()
            try:
                yield consumer
            except BaseException:
                await asyncio.shield(_stop(consumer))
                raise
            self._idle[topic].append(consumer)

    async def _new(self) -> TolerantConsumer:
        consumer = self._connection.consumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_FETCH_BYTES,
        )
        try:
            await consumer.start()
        except BaseException:
            await asyncio.shield(_stop(consumer))
            raise
        return consumer


async def _read(consumer: TolerantConsumer, position: Position) -> ConsumerRecord | None:
    place = KafkaPartition(position.topic, position.partition)
    consumer.assign([place])
    consumer.seek(place, position.offset)
    try:
        return await consumer.getone(place)
    except OffsetOutOfRangeError:
        return None
    finally:
        consumer.pause(place)  # what follows is not asked for


async def _stop(consumer: TolerantConsumer) -> None:
    with contextlib.suppress(KafkaError, TimeoutError, OSError):
        await asyncio.wait_for(consumer.stop(), _STOP_TIMEOUT)
