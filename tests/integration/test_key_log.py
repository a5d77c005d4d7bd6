"""The topic of keys has one writer at a time, which sees what others have not committed yet."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewTopic

from schemas import Record
from streams.compliance.kafka_key_log import KafkaKeyLog
from streams.compliance.key_log import KeyEntry, WriterReplacedError
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.transactional_writer import TransactionalWriter
from tests.support.brokers import Broker, Namespace


@pytest.fixture
async def names(broker: Broker, namespace: Namespace) -> tuple[KafkaConnection, str, str]:
    """A cluster with a topic of keys and one of the audit."""
    connection = KafkaConnection(broker.bootstrap_servers)
    admin = connection.admin()
    await admin.start()
    made = [f"{namespace.prefix}{name}" for name in ("keys", "audit")]
    try:
        await admin.create_topics([NewTopic(made[0], 2, 1), NewTopic(made[1], 1, 1)])
    finally:
        await admin.close()
    return connection, made[0], made[1]


async def read(log: KafkaKeyLog) -> list[KeyEntry]:
    return sorted([entry async for part in log.between({}, await log.ends()) for entry in part])


async def committed(log: KafkaKeyLog, count: int) -> list[KeyEntry]:
    """What is there, once there is so much: markers follow the answer to a commit."""
    while len(found := await read(log)) < count:
        await asyncio.sleep(0.05)
    return found


async def test_what_is_written_is_read_with_its_partition(names: tuple[KafkaConnection, str, str]) -> None:
    async with KafkaKeyLog(*names) as log:
        assert await read(log) == []
        await log.claim()
        await log.write([KeyEntry(0, b"a", b"1"), KeyEntry(1, b"b", b"2")], [Record(b"chain", b"{}")])
        await log.write([KeyEntry(0, b"a", b"3")], [])
        await log.write([], [])
        assert await committed(log, 3) == [(0, b"a", b"1"), (0, b"a", b"3"), (1, b"b", b"2")]
        assert [entry async for part in log.between({0: 2, 1: 0}, {0: 4, 1: 2}) for entry in part] in (
            [(0, b"a", b"3"), (1, b"b", b"2")],
            [(1, b"b", b"2"), (0, b"a", b"3")],
        )


async def test_who_claims_it_later_replaces_the_earlier_one(names: tuple[KafkaConnection, str, str]) -> None:
    async with KafkaKeyLog(*names) as first, KafkaKeyLog(*names) as second:
        await first.claim()
        await first.write([KeyEntry(0, b"a", b"1")], [])
        await second.claim()
        with pytest.raises(WriterReplacedError):
            await first.write([KeyEntry(0, b"a", b"2")], [])
        await second.write([KeyEntry(1, b"b", b"3")], [])
        assert await committed(second, 2) == [(0, b"a", b"1"), (1, b"b", b"3")]


async def test_what_an_earlier_writer_has_not_committed_is_undone(names: tuple[KafkaConnection, str, str]) -> None:
    _, topic, _ = names
    async with KafkaKeyLog(*names) as first, KafkaKeyLog(*names) as second:
        await first.claim()
        await first._writer.write({TopicPartition(topic, 0): [Record(b"a", b"open")]})  # noqa: SLF001  and is killed
        await second.claim()
        await second.write([KeyEntry(0, b"b", b"1")], [])
        assert await committed(second, 1) == [(0, b"b", b"1")]


@pytest.mark.parametrize("commits", [True, False])
async def test_an_open_transaction_of_a_worker_is_waited_for(
    names: tuple[KafkaConnection, str, str], *, commits: bool
) -> None:
    connection, topic, _ = names
    async with connected_client(connection) as client, KafkaKeyLog(*names) as log:
        worker = TransactionalWriter(client, f"{topic}-worker")
        await worker.start()
        await worker.write({TopicPartition(topic, 0): [Record(b"new", b"key")]})
        await log.claim()
        reading = asyncio.create_task(read(log))
        done, _ = await asyncio.wait([reading], timeout=0.5)
        assert not done, "the topic was not read to its end"
        await (worker.commit() if commits else worker.abort())
        assert await reading == ([(0, b"new", b"key")] if commits else [])
