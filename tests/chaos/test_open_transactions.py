"""Aimed faults rely on this: an open transaction is found, with its first offset, for as long as it is open."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from tests.chaos.reading import OpenTransactions
from tests.chaos.records import COMPRESSED, PARTITIONS
from tests.support.brokers import Broker, Namespace


@pytest.fixture
async def topic(broker: Broker, namespace: Namespace) -> str:
    """A topic with the product's number of partitions."""
    name = f"{namespace.prefix}{COMPRESSED}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, PARTITIONS, 1)])
    finally:
        await admin.close()
    return name


@pytest.fixture
async def producer(broker: Broker, namespace: Namespace) -> AsyncIterator[AIOKafkaProducer]:
    servers = broker.bootstrap_servers
    async with AIOKafkaProducer(bootstrap_servers=servers, transactional_id=namespace.group) as running:
        yield running


async def test_outcomes_of_a_transaction_are_seen_until_it_ends(
    broker: Broker, topic: str, producer: AIOKafkaProducer
) -> None:
    async with OpenTransactions(broker.bootstrap_servers, [topic]) as transactions:
        for begin in (0, 3):  # two records and the marker of the first transaction
            assert await transactions.look() == {}
            async with producer.transaction():
                for _ in range(2):
                    await producer.send_and_wait(topic, b"outcome", partition=5)
                assert await transactions.look() == {TopicPartition(topic, 5): (begin, begin + 2)}
            while await transactions.look():  # markers follow the confirmed commit
                pass
