"""The topic ``audio.keys`` for erasures and turns, on Kafka."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, KafkaTimeoutError, ProducerFenced

from schemas import Record
from streams.compliance.key_log import Ends, KeyEntry, WriterReplacedError
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.transactional_writer import TransactionalWriter

#: Seconds. A transaction of a dead or frozen worker is decided after 30 s at most, and the brokers look every 10 s.
OPEN_TRANSACTION_LIMIT = 40.0
_WITHOUT_PROGRESS = OPEN_TRANSACTION_LIMIT + 20.0
_TIMEOUT = 30.0  # seconds for one transaction
_LEAVE_TIMEOUT = 5.0
_POLL_MS = 200
_FETCH_BYTES = 8 * 2**20  # of a partition at a time


class KafkaKeyLog:
    """A `KeyLog`; use it as an async context manager.

    Args:
        connection: The cluster, whose ``transaction.version`` must be 2.
        topic: Full name of the topic of keys.
        audit: Full name of the topic of the audit.

    Raises:
        aiokafka.errors.KafkaError: On entering, if the brokers do not answer, or refuse.
    """

    def __init__(self, connection: KafkaConnection, topic: str, audit: str) -> None:
        self._connection = connection
        self._topic = topic
        self._audit = TopicPartition(audit, 0)
        self._client: AIOKafkaClient = connection.client()
        self._writer = TransactionalWriter(self._client, writer_id(topic))
        self._consumer: TolerantConsumer = connection.consumer(
            topic,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=_POLL_MS,
        )

    async def __aenter__(self) -> Self:
        try:
            async with explained_refusal(self._connection):
                await self._client.bootstrap()
                await self._consumer.start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._close()

    async def claim(self) -> None:
        """Fence earlier writers and end their open transaction."""
        async with _answered("no transaction coordinator answers"):
            await self._writer.start()

    async def ends(self) -> Ends:
        """The high watermarks: also behind what is not committed yet."""
        places = [TopicPartition(self._topic, number) for number in self._partitions()]
        reader = self._connection.consumer(isolation_level="read_uncommitted", enable_auto_commit=False)
        await reader.start()
        try:
            found = await reader.end_offsets(places)
        finally:
            await reader.stop()
        return {place.partition: end for place, end in found.items()}

    async def between(self, begins: Ends, ends: Ends) -> AsyncIterator[Sequence[KeyEntry]]:
        """Yield what is committed there, in parts.

        Raises:
            KafkaTimeoutError: If the brokers stop answering, or a transaction stays open.
        """
        places = {TopicPartition(self._topic, number): end for number, end in ends.items()}
        firsts = await self._consumer.beginning_offsets(list(places))
        for place in places:
            self._consumer.seek(place, begins.get(place.partition, firsts[place]))
        moved = time.monotonic()
        positions: dict[TopicPartition, int] = {}
        while True:
            now = {place: await self._consumer.position(place) for place in places}
            unfinished = [place for place, position in now.items() if position < places[place]]
            if not unfinished:
                return
            if now != positions:  # transaction markers move the position without records
                positions, moved = now, time.monotonic()
            elif time.monotonic() - moved > _WITHOUT_PROGRESS:
                raise KafkaTimeoutError(f"{self._topic} cannot be read to its end")
            for place, records in (await self._consumer.getmany(*unfinished, timeout_ms=_POLL_MS)).items():
                end, number = places[place], place.partition
                yield [
                    KeyEntry(number, record.key, record.value)
                    for record in records
                    if record.offset < end and record.key is not None and not isinstance(record, Unreadable)
                ]

    async def write(self, entries: Sequence[KeyEntry], audit: Sequence[Record]) -> None:
        """Write entries and records of the audit in one transaction.

        Raises:
            WriterReplacedError: If somebody else has claimed the topic since.
            KafkaError: If the brokers refuse, or do not answer.
        """
        outputs = defaultdict[TopicPartition, list[Record]](list)
        for entry in entries:
            outputs[TopicPartition(self._topic, entry.partition)].append(Record(entry.key, entry.value))
        if audit:
            outputs[self._audit].extend(audit)
        if not outputs:  # brokers do not commit a transaction without a record
            return
        try:
            async with _answered("the brokers do not confirm what is written"):
                await self._writer.write(outputs)
                await self._writer.commit()
        except ProducerFenced as error:
            raise WriterReplacedError("another erasure or turn of the keys has begun") from error
        except KafkaError:
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(self._writer.abort(), _LEAVE_TIMEOUT)
            raise

    def _partitions(self) -> list[int]:
        return sorted(place.partition for place in self._consumer.assignment())

    async def _close(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._consumer.stop(), _LEAVE_TIMEOUT)
            await asyncio.wait_for(self._client.close(), _LEAVE_TIMEOUT)


def writer_id(topic: str) -> str:
    """The transactional id that all erasures and turns of an installation share."""
    return f"{topic}-writer"


@contextlib.asynccontextmanager
async def _answered(otherwise: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_TIMEOUT):
            yield
    except TimeoutError as error:
        raise KafkaTimeoutError(otherwise) from error
