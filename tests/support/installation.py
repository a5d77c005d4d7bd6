"""The topics and the group of one installation, with its members and their transactional producers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as ClientPartition

from schemas import Record
from schemas.record import TopicPartition
from schemas.topics import COMPRESSED, RAW
from streams.delivery.outcome import Output
from streams.delivery.transactions import Batch, GroupProducer
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.kafka.protocol.txn_offset_commit import GroupMember
from streams.kafka.transactional_writer import REQUEST_TIMEOUT_MS
from tests.support.brokers import Namespace

#: Seconds, well below the transaction timeout, which no test must wait for.
SOON = 10.0


class Installation:
    """The topics of one installation and its group."""

    def __init__(self, servers: str, namespace: Namespace) -> None:
        self.servers = servers
        self.group = namespace.group
        self.tp = TopicPartition(f"{namespace.prefix}{RAW}", 0)
        self.results = f"{namespace.prefix}{COMPRESSED}"

    @asynccontextmanager
    async def joined(self, instance: str, session_timeout: float = 30.0) -> AsyncIterator[AIOKafkaConsumer]:
        """Join the group with a consumer, which stays a member for this many seconds without a heartbeat."""
        consumer = AIOKafkaConsumer(
            self.tp.topic,
            bootstrap_servers=self.servers,
            group_id=self.group,
            group_instance_id=instance,
            enable_auto_commit=False,
            session_timeout_ms=round(1000 * session_timeout),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        await consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()

    def member(self, consumer: AIOKafkaConsumer, instance: str) -> GroupMember:
        coordinator = consumer._coordinator  # noqa: SLF001  as the product reads it
        return GroupMember(self.group, coordinator.generation, coordinator.member_id, instance)

    @asynccontextmanager
    async def producing(self, member: GroupMember) -> AsyncIterator[GroupProducer]:
        producer = GroupProducer(KafkaConnection(self.servers), member, [self.tp])
        await producer.start()
        try:
            yield producer
        finally:
            await producer.stop()

    def batch(self, *values: bytes, next_offset: int) -> Batch:
        outputs = [Output(self.results, Record(b"call", value)) for value in values]
        return Batch(self.tp, outputs, next_offset)

    def output(self, value: bytes) -> dict[ClientPartition, list[Record]]:
        return {ClientPartition(self.results, 0): [Record(b"call", value)]}

    @asynccontextmanager
    async def writing(self, session_timeout: float = 30.0) -> AsyncIterator[GroupProducer]:
        """Join the group, with a producer."""
        async with (
            self.joined("one", session_timeout) as consumer,
            self.producing(self.member(consumer, "one")) as producer,
        ):
            yield producer

    async def committed(self) -> tuple[int, str] | None:
        """The committed offset of the partition, and its metadata."""
        async with AIOKafkaConsumer(bootstrap_servers=self.servers) as client:
            tp = ClientPartition(*self.tp)
            last = await fetch_last_committed(client._client, self.group, [tp])  # noqa: SLF001  no public client
        return (last[tp].offset, last[tp].metadata) if tp in last else None

    async def delivered(self, count: int) -> list[bytes | None]:
        """The first committed results."""
        async with AIOKafkaConsumer(
            bootstrap_servers=self.servers, isolation_level="read_committed", auto_offset_reset="earliest"
        ) as reader:
            reader.assign([ClientPartition(self.results, 0)])
            async with asyncio.timeout(SOON):
                return [(await reader.getone()).value for _ in range(count)]
