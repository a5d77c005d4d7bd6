"""Our consumer and aiokafka's own in one process, before a log whose disk went bad."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import CorruptRecordException

from schemas.topics import RAW, copartitioned
from streams.kafka.connection import KafkaConnection
from streams.kafka.lag import LagReader
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace, broker_from_jars
from tests.support.odd_batches import ODD, append, batch, overwrite_batch, placeholder, record

#: Batches that one entry of a broker's index stands for, with room: it finds none of those behind a broken length.
INDEXED = 30


pytestmark = pytest.mark.xdist_group("damaged disk")


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The broker's data."""
    return tmp_path_factory.mktemp("disk") / "kafka"


@pytest.fixture(scope="module")
def broker(disk: Path) -> Iterator[Broker]:
    """A broker on whose disk each test may damage the files of its own topics."""
    with broker_from_jars(disk) as started:
        yield started


@pytest.fixture
async def bad(disk: Path, broker: Broker, namespace: Namespace) -> AsyncIterator[TopicPartition]:
    """A partition: one good record, two with a flipped bit on disk, and one good record."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    tp = TopicPartition(f"{namespace.prefix}{RAW}", 0)
    client = AIOKafkaClient(bootstrap_servers=broker.bootstrap_servers)
    await client.bootstrap()
    await client.set_topics([tp.topic])
    await append(client, tp.topic, tp.partition, batch([record(0, value=b"before")]))
    damaged = bytearray(batch([record(n, value=bytes(100)) for n in range(2)]))
    damaged[-50] ^= 1
    offset = await append(client, tp.topic, tp.partition, placeholder(len(damaged), 2))
    [log] = disk.glob(f"**/{tp.topic}-{tp.partition}/*.log")
    overwrite_batch(log, offset, bytes(damaged))
    await append(client, tp.topic, tp.partition, batch([record(0, value=b"after")]))
    yield tp
    await client.close()


async def test_what_stays_bad_is_told_and_passed_over(broker: Broker, bad: TopicPartition) -> None:
    async with TolerantConsumer(bootstrap_servers=broker.bootstrap_servers) as consumer:
        consumer.assign([bad])
        consumer.seek(bad, 0)
        began = time.monotonic()
        found = [await consumer.getone() for _ in range(3)]
        assert time.monotonic() - began > sum(consumer.pauses)
        assert [one.offset for one in found] == [0, 1, 3]
        assert [one.value for one in found[::2]] == [b"before", b"after"]
        lost = found[1]
        assert isinstance(lost, Unreadable)
        assert (lost.next_offset, lost.rejection.code) == (3, "UnreadableBatch")
        assert await consumer.position(bad) == 4


async def test_neighbours_are_read_while_a_batch_is_fetched_again(broker: Broker, bad: TopicPartition) -> None:
    neighbour = TopicPartition(bad.topic, 1)
    client = AIOKafkaClient(bootstrap_servers=broker.bootstrap_servers)
    await client.bootstrap()
    await client.set_topics([bad.topic])
    async with TolerantConsumer(bootstrap_servers=broker.bootstrap_servers) as consumer:
        consumer.assign([bad, neighbour])
        consumer.seek(bad, 1)
        consumer.seek(neighbour, 0)
        began, seen = time.monotonic(), 0
        while time.monotonic() - began < 1.5:
            await append(client, neighbour.topic, neighbour.partition, batch([record(0)]))
            assert (await consumer.getone()).partition == neighbour.partition
            seen += 1
        assert seen > 10
    await client.close()


async def test_an_applications_own_consumer_is_as_it_was(broker: Broker, bad: TopicPartition) -> None:
    async with (
        TolerantConsumer(bootstrap_servers=broker.bootstrap_servers),
        AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers) as consumer,
    ):
        consumer.assign([bad])
        consumer.seek(bad, 0)
        assert (await consumer.getone()).value == b"before"
        with pytest.raises(CorruptRecordException):
            await consumer.getone()


async def test_members_of_a_group_go_on_behind_what_cannot_be_read(broker: Broker, bad: TopicPartition) -> None:
    async def read(group: str, count: int) -> list[int]:
        consumer = TolerantConsumer(
            bad.topic,
            bootstrap_servers=broker.bootstrap_servers,
            group_id=group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        async with consumer:
            offsets = [(await consumer.getone()).offset for _ in range(count)]
            await consumer.commit()
            return offsets

    assert await read("readers", 2) == [0, 1]
    assert await read("readers", 1) == [3]


@pytest.mark.parametrize("length", [3, 2**30], ids=["error", "nothing"])
async def test_what_a_leader_cannot_find_in_its_log_is_passed_over_in_the_end(
    disk: Path, broker: Broker, bad: TopicPartition, length: int
) -> None:
    """A batch has an impossible length: the leader answers with an error, or with no records."""
    tp = TopicPartition(bad.topic, 2)
    client = AIOKafkaClient(bootstrap_servers=broker.bootstrap_servers)
    await client.bootstrap()
    await client.set_topics([tp.topic])
    one = batch([record(0, value=bytes(500))])
    for _ in range(INDEXED):
        await append(client, tp.topic, tp.partition, one)
    [log] = disk.glob(f"**/{tp.topic}-{tp.partition}/*.log")
    with log.open("r+b") as file:
        file.seek(10 * len(one) + 8)
        file.write(length.to_bytes(4, "big"))
    consumer = TolerantConsumer(bootstrap_servers=broker.bootstrap_servers)
    consumer.patience = 1.0
    async with consumer:
        consumer.assign([tp])
        consumer.seek(tp, 0)
        found = [await consumer.getone() for _ in range(11)]
        assert [one.offset for one in found] == list(range(11))
        lost = found[-1]
        assert isinstance(lost, Unreadable)
        assert (lost.rejection.code, lost.value) == ("LostOffsets", None)
        assert 10 < lost.next_offset < INDEXED
        rest = [(await consumer.getone()).offset for _ in range(lost.next_offset, INDEXED)]
        assert rest == list(range(lost.next_offset, INDEXED))
    await client.close()


async def test_what_cannot_be_read_waits_like_any_record(
    disk: Path, broker: Broker, namespace: Namespace, bad: TopicPartition
) -> None:
    client = AIOKafkaClient(bootstrap_servers=broker.bootstrap_servers)
    await client.bootstrap()
    await client.set_topics([bad.topic])
    await append(client, bad.topic, 4, ODD["header-name-lz4"](b"k", b"v", []))
    damaged = batch([record(n, value=bytes(100)) for n in range(2)], checksum=7)
    assert await append(client, bad.topic, 5, placeholder(len(damaged), 2)) == 0
    [log] = disk.glob(f"**/{bad.topic}-5/*.log")
    overwrite_batch(log, 0, damaged)
    reader = LagReader(
        KafkaConnection(broker.bootstrap_servers), namespace.group, copartitioned(namespace.prefix, namespace.group)
    )
    lags = (await reader.read()).lags
    await reader.close()
    waiting = {tp.partition: (lag.records, lag.oldest and lag.oldest.offset) for tp, lag in lags.items() if lag.records}
    assert {n: found for n, found in waiting.items() if found[0]} == {0: (4, 0), 4: (3, 0), 5: (2, 0)}
    await client.close()
