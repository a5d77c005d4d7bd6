"""Lag of a group without members, read from the brokers: its records, their age, and transaction markers."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as ClientPartition
from aiokafka.errors import KafkaError

from infra.kafka.ports import free_ports
from schemas.record import TopicPartition
from schemas.topics import RAW, RECORDINGS, copartitioned, topic
from scripts.commands import lag as command
from streams.kafka.connection import KafkaConnection
from streams.kafka.lag import NO_LAG, Lag, LagReader, OldestRecord
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace
from tests.support.topic_settings import set_topic

PARTITIONS = topic(RAW).partitions
LONG_AGO = 1_000_000_000_000  # milliseconds


class Group:
    """A consumer group without members that commits offsets, and senders to its input."""

    def __init__(self, broker: Broker, namespace: Namespace) -> None:
        self.broker = broker
        self.namespace = namespace
        self.topic = f"{namespace.prefix}{RAW}"
        self.topics = copartitioned(namespace.prefix, namespace.group)
        self.tps = [TopicPartition(self.topic, partition) for partition in range(PARTITIONS)]

    async def send(self, partition: int, *values: bytes, timestamp_ms: int | None = None) -> None:
        async with AIOKafkaProducer(
            bootstrap_servers=self.broker.bootstrap_servers, max_request_size=10 * 2**20
        ) as sender:
            for value in values:
                await sender.send_and_wait(self.topic, value, partition=partition, timestamp_ms=timestamp_ms)

    async def send_in_transactions(self, partition: int, *fates: bool) -> None:
        """Send records, each in its own transaction, which is committed or aborted."""
        async with AIOKafkaProducer(
            bootstrap_servers=self.broker.bootstrap_servers, transactional_id=f"{self.namespace.group}-sender"
        ) as sender:
            for committed in fates:
                await sender.begin_transaction()
                await sender.send_and_wait(self.topic, b"x", partition=partition)
                await (sender.commit_transaction() if committed else sender.abort_transaction())

    async def commit(self, offsets: Mapping[int, int]) -> None:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.broker.bootstrap_servers, group_id=self.namespace.group, enable_auto_commit=False
        )
        await consumer.start()
        partitions = {ClientPartition(self.topic, partition): offset for partition, offset in offsets.items()}
        consumer.assign(list(partitions))
        await consumer.commit(partitions)
        await consumer.stop()

    async def end(self, partition: int) -> int:
        async with AIOKafkaConsumer(bootstrap_servers=self.broker.bootstrap_servers) as consumer:
            tp = ClientPartition(self.topic, partition)
            ends: Mapping[ClientPartition, int] = await consumer.end_offsets([tp])
            return ends[tp]


@pytest.fixture
async def group(broker: Broker, namespace: Namespace) -> Group:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    # Records of an earlier release have the times that their senders gave them; here that makes them old.
    raw = f"{namespace.prefix}{RAW}"
    await set_topic(broker.bootstrap_servers, raw, message_timestamp_type="CreateTime", retention_ms="-1")
    return Group(broker, namespace)


@pytest.fixture
async def reader(group: Group) -> AsyncIterator[LagReader]:
    reader = LagReader(KafkaConnection(group.broker.bootstrap_servers), group.namespace.group, group.topics)
    yield reader
    await reader.close()


async def test_a_group_that_never_committed_has_everything_before_it(group: Group, reader: LagReader) -> None:
    await group.send(2, b"a", b"b", timestamp_ms=LONG_AGO)
    lags = dict((await reader.read()).lags)
    assert list(lags) == group.tps
    assert lags.pop(group.tps[2]) == Lag(2, OldestRecord(0, LONG_AGO / 1000))
    assert set(lags.values()) == {NO_LAG}


async def test_a_fully_read_topic_shows_nothing_although_markers_follow(group: Group, reader: LagReader) -> None:
    await group.send_in_transactions(0, True, False, True, False)
    await group.commit({0: 5})  # after the last committed record; two aborted ones and markers are around it
    assert await group.end(0) == 8
    for _ in range(2):
        assert (await reader.read()).lags[group.tps[0]] == NO_LAG
    await group.send(0, b"new")
    waiting = (await reader.read()).lags[group.tps[0]]
    assert (waiting.records, waiting.oldest and waiting.oldest.offset) == (1, 8)


async def test_the_age_is_that_of_the_oldest_record_and_moves_with_the_commits(group: Group, reader: LagReader) -> None:
    now = time.time()
    for minutes in (3, 2, 1):
        await group.send(1, b"x", timestamp_ms=int((now - 60 * minutes) * 1000))
    ages = []
    for committed in (0, 1, 2, 3):
        await group.commit({1: committed})
        ages.append((await reader.read()).lags[group.tps[1]].seconds(now))
    assert ages == [pytest.approx(180, abs=0.1), pytest.approx(120, abs=0.1), pytest.approx(60, abs=0.1), 0.0]


async def test_a_record_larger_than_the_fetch_is_found(group: Group, reader: LagReader) -> None:
    await group.send(3, bytes(5 * 2**20), timestamp_ms=LONG_AGO)
    await group.send(4, bytes(5 * 2**20), timestamp_ms=LONG_AGO)
    lags = (await reader.read()).lags
    assert lags[group.tps[3]] == lags[group.tps[4]] == Lag(1, OldestRecord(0, LONG_AGO / 1000))


async def test_a_look_fetches_from_few_partitions_and_later_ones_from_the_others(group: Group) -> None:
    reader = LagReader(KafkaConnection(group.broker.bootstrap_servers), group.namespace.group, group.topics, probes=3)
    for partition in range(PARTITIONS):
        await group.send(partition, b"x", timestamp_ms=LONG_AGO)
    known = []
    for _ in range(3):
        lags = (await reader.read()).lags.values()
        assert {one.records for one in lags} == {1}
        known.append(sum(one.oldest is not None for one in lags))
    await reader.close()
    assert known == [3, 6, 8]


async def test_what_the_worker_holds_itself_is_not_asked_for(group: Group, reader: LagReader) -> None:
    await group.send(0, b"a", b"b", b"c", timestamp_ms=LONG_AGO)
    oldest = OldestRecord(1, 1_500_000_000.0)
    assert (await reader.read({group.tps[0]: oldest})).lags[group.tps[0]] == Lag(2, oldest)


async def test_an_offset_beyond_the_end_is_not_taken_for_no_lag(group: Group, reader: LagReader) -> None:
    await group.send(0, b"a", b"b", b"c", timestamp_ms=LONG_AGO)
    await group.commit({0: 50, 1: 0})
    lags = (await reader.read()).lags
    assert lags[group.tps[0]] == Lag(3, beyond=47)
    assert lags[group.tps[1]] == NO_LAG


async def test_brokers_that_are_gone_are_an_error(group: Group) -> None:
    reader = LagReader(KafkaConnection(f"127.0.0.1:{free_ports(1)}"), group.namespace.group, group.topics)
    with pytest.raises(KafkaError):
        await reader.read()


def test_the_command_shows_the_age_in_each_of_sixty_partitions(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    group = Group(broker, namespace)
    connection = KafkaConnection(broker.bootstrap_servers)
    asyncio.run(apply_topics(connection, namespace.prefix, namespace.group, partitions=60))
    for partition in range(0, 60, 3):
        asyncio.run(group.send(partition, b"x"))
    file = tmp_path / "lag.json"
    options = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    assert command.main([*options, "--group", namespace.group, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    assert [one["records"] for one in found[:60]] == [int(partition % 3 == 0) for partition in range(60)]
    assert {(one["topic"], one["records"]) for one in found[60:]} == {(f"{namespace.prefix}{RECORDINGS}", 0)}
    assert None not in [one["seconds"] for one in found]


def test_the_command_shows_every_partition(
    broker: Broker, namespace: Namespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    group = Group(broker, namespace)
    asyncio.run(apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group))
    asyncio.run(group.send(5, b"x"))
    asyncio.run(group.commit({6: 50}))
    file = tmp_path / "lag.json"
    options = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    assert command.main([*options, "--group", namespace.group, "--json", str(file)]) == 0
    found = json.loads(file.read_text())
    live, recordings = found[:PARTITIONS], found[PARTITIONS:]
    assert [one["records"] for one in live] == [int(partition == 5) for partition in range(PARTITIONS)]
    assert [one["topic"] for one in recordings] == [f"{namespace.prefix}{RECORDINGS}"] * PARTITIONS
    assert {one["owner"] for one in found} == {None}
    assert found[5]["seconds"] == pytest.approx(0, abs=60)
    assert [one["beyond_end"] for one in live] == [0, 0, 0, 0, 0, 0, 50, 0]
    shown = capsys.readouterr().out
    assert "1 records wait" in shown
    assert "50 beyond" in shown
