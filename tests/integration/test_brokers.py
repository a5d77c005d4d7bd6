"""The fixtures provide a Kafka on which transactions commit."""

import os
from collections.abc import Iterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.support.brokers import Broker, Namespace, ThreeBrokers, broker_in_container
from tests.support.containers import require_engine


async def _create(bootstrap_servers: str, topic: NewTopic) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        response = await admin.create_topics([topic])
    finally:
        await admin.close()
    assert [error[1] for error in response.topic_errors] == [0]


async def _commit(bootstrap_servers: str, topic: str, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, transactional_id=f"{topic}-writer", max_request_size=10_485_760
    )
    await producer.start()
    try:
        async with producer.transaction():
            for value in values:
                await producer.send_and_wait(topic, value, partition=0)
    finally:
        await producer.stop()


async def _read_committed(bootstrap_servers: str, topic: str, count: int) -> list[bytes]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap_servers, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, 0)])
        await consumer.seek_to_beginning()
        return [(await consumer.getone()).value for _ in range(count)]
    finally:
        await consumer.stop()


async def _exchange(bootstrap_servers: str, topic: NewTopic, values: list[bytes]) -> list[bytes]:
    await _create(bootstrap_servers, topic)
    await _commit(bootstrap_servers, topic.name, values)
    return await _read_committed(bootstrap_servers, topic.name, len(values))


async def test_a_transaction_commits_on_the_broker(broker: Broker, namespace: Namespace) -> None:
    topic = NewTopic(f"{namespace.prefix}small", num_partitions=1, replication_factor=1)
    assert await _exchange(broker.bootstrap_servers, topic, [b"one", b"two"]) == [b"one", b"two"]


async def test_records_of_nine_megabytes_are_replicated_to_three_brokers(
    three_brokers: ThreeBrokers, namespace: Namespace
) -> None:
    topic = NewTopic(f"{namespace.prefix}large", num_partitions=1, replication_factor=3)
    large = os.urandom(9 * 2**20)
    assert await _exchange(three_brokers.bootstrap_servers, topic, [large]) == [large]


@pytest.fixture(scope="module")
def contained() -> Iterator[Broker]:
    require_engine()
    with broker_in_container() as started:
        yield started


async def test_a_transaction_commits_in_a_container(contained: Broker, namespace: Namespace) -> None:
    assert contained.origin == "testcontainers"
    topic = NewTopic(f"{namespace.prefix}contained", num_partitions=1, replication_factor=1)
    assert await _exchange(contained.bootstrap_servers, topic, [b"one"]) == [b"one"]
