"""Single records by their positions, as the HTTP API reads them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.client import AIOKafkaClient

from schemas import Position
from schemas.topics import RAW
from streams.api.fetching import FetchFailedError, RecordFetcher
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.record_at import record_at
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace

VALUES = [bytes([number]) * 3000 for number in range(40)]


@pytest.fixture
async def topic(broker: Broker, namespace: Namespace) -> str:
    """A topic; its partition 0 is used."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return f"{namespace.prefix}{RAW}"


@asynccontextmanager
async def producer(broker: Broker, **options: str) -> AsyncIterator[AIOKafkaProducer]:
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers, linger_ms=50, **options) as one:
        yield one


async def send(sender: AIOKafkaProducer, topic: str, values: list[bytes]) -> list[int]:
    waiting = [await sender.send(topic, value, partition=0) for value in values]
    return [(await one).offset for one in waiting]


async def value_at(client: AIOKafkaClient, topic: str, offset: int) -> bytes | None:
    record = await asyncio.wait_for(record_at(client, Position(topic, 0, offset)), 20)
    return None if record is None else record.value


async def test_each_record_of_a_batch_is_found_many_at_a_time(broker: Broker, topic: str) -> None:
    async with producer(broker) as sender:
        offsets = await send(sender, topic, VALUES)
    async with connected_client(KafkaConnection(broker.bootstrap_servers)) as client:
        found = await asyncio.gather(*(value_at(client, topic, offset) for offset in offsets))
        assert found == VALUES
        assert await value_at(client, topic, offsets[-1] + 100) is None


async def test_what_was_aborted_or_deleted_is_none(broker: Broker, namespace: Namespace, topic: str) -> None:
    async with producer(broker, transactional_id=namespace.group) as sender:
        await sender.begin_transaction()
        [aborted] = await send(sender, topic, [b"aborted"])
        await sender.abort_transaction()
        await sender.begin_transaction()
        [committed] = await send(sender, topic, [b"committed"])
        await sender.commit_transaction()
    async with connected_client(KafkaConnection(broker.bootstrap_servers)) as client:
        assert await value_at(client, topic, aborted) is None
        assert await value_at(client, topic, committed) == b"committed"
        assert await value_at(client, topic, committed - 1) is None  # the marker of the abort
        await delete(broker, topic, committed)
        assert await value_at(client, topic, aborted) is None
        assert await value_at(client, topic, committed) == b"committed"


async def delete(broker: Broker, topic: str, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before)})
    await admin.close()


async def test_what_is_not_committed_yet_is_waited_for(broker: Broker, namespace: Namespace, topic: str) -> None:
    async with (
        producer(broker, transactional_id=namespace.group) as sender,
        connected_client(KafkaConnection(broker.bootstrap_servers)) as client,
    ):
        await sender.begin_transaction()
        [offset] = await send(sender, topic, [b"open"])
        reading = asyncio.create_task(value_at(client, topic, offset))
        done, _ = await asyncio.wait([reading], timeout=0.3)
        assert not done
        await sender.commit_transaction()
        assert await reading == b"open"


async def test_those_who_ask_at_the_same_time_share_a_request(broker: Broker, topic: str) -> None:
    async with producer(broker) as sender:
        [offset] = await send(sender, topic, [b"one"])
    fetcher = RecordFetcher(KafkaConnection(broker.bootstrap_servers))
    found = await asyncio.gather(*(fetcher.fetch(Position(topic, 0, offset)) for _ in range(50)))
    assert {id(one) for one in found} == {id(found[0])}
    assert found[0] is not None
    assert found[0].value == b"one"
    await fetcher.close()


async def test_brokers_that_are_away_are_told() -> None:
    fetcher = RecordFetcher(KafkaConnection("127.0.0.1:1"))
    with pytest.raises(FetchFailedError, match="do not return somewhere/0/0"):
        await fetcher.fetch(Position("somewhere", 0, 0))
    await fetcher.close()
