"""Writes results as a worker does: in transactions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from schemas import Record
from schemas.topics import COMPRESSED
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace


class ResultTopic:
    """The topic ``audio.compressed`` of a test.

    Args:
        producer: A started producer with a transactional id.
        topic: The topic's full name.
    """

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self.topic = topic
        self.grown = False

    async def grow(self, partitions: int) -> None:
        """Add partitions to the topic, as an operator may."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._producer.client._bootstrap_servers)  # noqa: SLF001
        await admin.start()
        await admin.create_partitions({self.topic: NewPartitions(partitions)})
        await admin.close()
        while len(await self._producer.partitions_for(self.topic)) < partitions:
            await self._producer.client.force_metadata_update()
        self.grown = True

    async def write(self, *records: Record, commit: bool = True, partition: int | None = None) -> None:
        """Write records in one transaction."""
        await self._producer.begin_transaction()
        for record in records:
            await self._producer.send_and_wait(
                self.topic, record.value, key=record.key, partition=partition, headers=list(record.headers)
            )
        await (self._producer.commit_transaction() if commit else self._producer.abort_transaction())


@asynccontextmanager
async def result_topic(broker: Broker, namespace: Namespace) -> AsyncIterator[ResultTopic]:
    """Create the topics of a test, and write to that of its results."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    producer = AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=f"{namespace.prefix}tests")
    await producer.start()
    try:
        yield ResultTopic(producer, f"{namespace.prefix}{COMPRESSED}")
    finally:
        await producer.stop()
