"""Bounds of logs, read from their leaders, and position resets of a consumer."""

import asyncio

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from schemas.topics import RAW
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.list_offsets import Bounds, read_bounds
from streams.kafka.protocol.position_resets import report_position_resets
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace


async def fill(broker: Broker, namespace: Namespace, records: int, delete_before: int) -> TopicPartition:
    """Write records to a partition, then delete the first ones, as retention does."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    partition = TopicPartition(f"{namespace.prefix}{RAW}", 0)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as sender:
        for _ in range(records):
            await sender.send_and_wait(partition.topic, b"x", partition=partition.partition)
    await delete(broker, partition, delete_before)
    return partition


async def delete(broker: Broker, partition: TopicPartition, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    await admin.delete_records({partition: RecordsToDelete(before)})
    await admin.close()


async def test_bounds_are_those_of_the_log_whatever_transaction_is_open(broker: Broker, namespace: Namespace) -> None:
    partition = await fill(broker, namespace, 5, 2)
    async with (
        AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, transactional_id=namespace.group) as sender,
        AIOKafkaConsumer(partition.topic, bootstrap_servers=broker.bootstrap_servers) as client,
    ):
        await sender.begin_transaction()
        await sender.send_and_wait(partition.topic, b"open", partition=partition.partition)
        nowhere = TopicPartition(partition.topic, 99)
        found = await read_bounds(client._client, [partition, nowhere], 1.0)  # noqa: SLF001  any client will do
        assert found == {partition: Bounds(2, 6)}
        await sender.abort_transaction()


async def test_a_position_that_the_log_does_not_have_is_told(broker: Broker, namespace: Namespace) -> None:
    partition = await fill(broker, namespace, 9, 0)
    resets: list[tuple[TopicPartition, int]] = []
    async with AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers, auto_offset_reset="earliest") as consumer:
        report_position_resets(consumer, lambda *reset: resets.append(reset))
        consumer.assign([partition])
        consumer.seek(partition, 3)
        assert (await asyncio.wait_for(consumer.getone(), 10)).offset == 3
        assert resets == []
        await delete(broker, partition, 7)
        consumer.seek(partition, 4)
        assert (await asyncio.wait_for(consumer.getone(), 10)).offset == 7
        consumer.seek(partition, 5000)
        assert (await asyncio.wait_for(consumer.getone(), 10)).offset == 7
    assert resets == [(partition, 7), (partition, 7)]
