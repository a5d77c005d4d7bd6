"""Writes sealed results and their keys as a worker does, and erases keys as an operator does."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin import RecordsToDelete

from schemas import Record
from schemas.topics import COMPRESSED, KEYS
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import connected_admin
from streams.kafka.topics import apply_topics
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import seal_record
from streams.security.sealing.slot_file import SlotFile
from streams.security.sealing.wrapped_key import erased_mark
from tests.support.brokers import Broker, Namespace
from tests.support.keys import key_record

PARTITION = 3


class SealedTopics:
    """The topics of results and of keys of a test.

    Args:
        producer: A started producer with a transactional id.
        brokers: Their addresses.
        prefix: Of the topics.
        path: The key store's file.
    """

    def __init__(self, producer: AIOKafkaProducer, brokers: str, prefix: str, path: Path) -> None:
        self._producer = producer
        self._brokers = brokers
        self.results = f"{prefix}{COMPRESSED}"
        self.keys = f"{prefix}{KEYS}"
        self.address = f"file://{path}"
        self.store = SlotFile.make(path)

    async def write(self, *records: tuple[str, Record], partition: int = PARTITION) -> None:
        """Write records of topics into one partition, in one transaction."""
        await self._producer.begin_transaction()
        for topic, one in records:
            await self._producer.send_and_wait(
                topic, one.value, key=one.key, partition=partition, headers=list(one.headers)
            )
        await self._producer.commit_transaction()

    async def seal(self, records: Sequence[Record], key: DataKey | None = None, *, expires_ms: int = 0) -> DataKey:
        """Write results that are sealed with a new key, and the key with them."""
        key = key or DataKey.new()
        sealed = [(self.results, seal_record(one, key)) for one in records]
        await self.write(*sealed, (self.keys, key_record(self.store, key, expires_ms=expires_ms)))
        return key

    async def erase(self, key: DataKey) -> None:
        """Replace a key by the mark of an erased one."""
        await self.write((self.keys, Record(key.id, erased_mark(round(time.time() * 1000)))))

    async def forget(self) -> None:
        """Let the topic of results expire."""
        connection = KafkaConnection(self._brokers)
        consumer = connection.consumer(self.results)
        await consumer.start()
        ends = await consumer.end_offsets(list(consumer.assignment()))
        await consumer.stop()
        async with connected_admin(connection) as admin:
            await admin.delete_records({place: RecordsToDelete(end) for place, end in ends.items()})


@asynccontextmanager
async def sealed_topics(broker: Broker, namespace: Namespace, path: Path) -> AsyncIterator[SealedTopics]:
    """Create the topics of a test, and a key store in a file."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{namespace.prefix}seal")
    await producer.start()
    try:
        yield SealedTopics(producer, broker.bootstrap_servers, namespace.prefix, path)
    finally:
        await producer.stop()
