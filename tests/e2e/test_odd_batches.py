"""A worker reads unusual batches, sent or written to the broker's disk; each affects its own records only."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient

from schemas.dead_letter import LAST_OFFSET, RAW_HEADERS
from schemas.topics import RAW as RAW_TOPIC
from schemas.topics import copartitioned
from streams.kafka.connection import KafkaConnection
from streams.kafka.lag import LagReader
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace, broker_from_jars
from tests.support.events import RAW
from tests.support.odd_batches import ODD, TAKEN, append, batch, overwrite_batch, placeholder, record
from tests.support.outcomes import outcomes
from tests.support.topic_settings import set_topic

KEY = RAW.call_id.encode()
HEADERS = [(name.encode(), value) for name, value in RAW.to_record().headers]
PARTITIONS = 8
#: For each unusual batch: the number of its offsets, and its outcomes by offset; None stands for a result.
EXPECTED: dict[str, tuple[int, dict[int, str | None]]] = {
    "header-name": (3, {0: None, 1: "BadHeaderName", 2: None}),
    "header-name-lz4": (3, {0: None, 1: "BadHeaderName", 2: None}),
    "twice-one-offset": (3, {0: None, 1: "UnreadableBatch"}),
    "garbage-gzip": (1, {0: "UnreadableBatch"}),
    "garbage-snappy": (1, {0: "UnreadableBatch"}),
    "garbage-lz4": (1, {0: "UnreadableBatch"}),
    "garbage-zstd": (1, {0: "UnreadableBatch"}),
    "unknown-codec": (1, {0: "UnreadableBatch"}),
    "long-length": (1, {0: "UnreadableBatch"}),
    "short-length": (1, {0: "UnreadableBatch"}),
    "negative-length": (1, {0: "UnreadableBatch"}),
    "many-headers": (1, {0: "TooManyHeaders"}),
    "count-above": (3, {0: None, 1: None, 2: None}),
    "count-below": (3, {0: None, 1: None, 2: None}),
    "no-offsets-left": (2, {0: None, 1: None}),
    "wrong-checksum": (2, {0: "UnreadableBatch"}),
}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker whose files the test may damage."""
    with broker_from_jars(tmp_path / "kafka") as started:
        yield started


@pytest.fixture
async def client(broker: Broker, namespace: Namespace) -> AsyncIterator[AIOKafkaClient]:
    """A client that has the metadata of the input topic, which keeps batches as they are sent."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    topic = f"{namespace.prefix}{RAW_TOPIC}"
    await set_topic(broker.bootstrap_servers, topic, compression_type="producer")
    client = AIOKafkaClient(bootstrap_servers=broker.bootstrap_servers)
    await client.bootstrap()
    await client.set_topics([topic])
    yield client
    await client.close()


def odd_batch(name: str) -> bytes:
    if name == "wrong-checksum":
        return batch([record(n, KEY, RAW.audio, HEADERS) for n in range(2)], checksum=7)
    return ODD[name](KEY, RAW.audio, HEADERS)


async def put(client: AIOKafkaClient, directory: Path, name: str, tp: TopicPartition) -> int:
    """Append an unusual batch to the log; return its offset."""
    data = odd_batch(name)
    if name in TAKEN:
        return await append(client, tp.topic, tp.partition, data)
    offset = await append(client, tp.topic, tp.partition, placeholder(len(data), EXPECTED[name][0]))
    [log] = directory.glob(f"**/{tp.topic}-{tp.partition}/*.log")
    overwrite_batch(log, offset, data)
    return offset


@pytest.fixture
def worker(broker: Broker, namespace: Namespace, tmp_path: Path) -> Worker:
    return Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "worker")


async def test_odd_batches_cost_themselves_and_nothing_else(
    tmp_path: Path, broker: Broker, namespace: Namespace, client: AIOKafkaClient, worker: Worker
) -> None:
    good = batch([record(0, KEY, RAW.audio, HEADERS)])
    expected: dict[tuple[int, int], str | None] = {}
    for number, name in enumerate(EXPECTED):
        tp = TopicPartition(f"{namespace.prefix}{RAW_TOPIC}", number % PARTITIONS)
        expected[tp.partition, await append(client, tp.topic, tp.partition, good)] = None
        base = await put(client, tmp_path / "kafka", name, tp)
        expected |= {(tp.partition, base + delta): code for delta, code in EXPECTED[name][1].items()}
        expected[tp.partition, await append(client, tp.topic, tp.partition, good)] = None
    await set_topic(broker.bootstrap_servers, f"{namespace.prefix}{RAW_TOPIC}", compression_type="uncompressed")
    with running(worker):
        found = await outcomes(
            broker.bootstrap_servers, namespace.prefix, lambda found: len(found) >= len(expected), within=90
        )
        assert {(one.partition, one.offset): one.code for one in found} == expected
        assert len(found) == len(expected)
        by_code = {one.code: one for one in found}
        named = by_code["BadHeaderName"]
        assert named.header("caf\\xe9") == b"1"
        assert b"caf\xe9" in (named.header(RAW_HEADERS) or b"")
        assert named.message.value == RAW.audio
        of_several = sorted(int(one.header(LAST_OFFSET) or 0) - one.offset for one in found if one.header(LAST_OFFSET))
        assert of_several == [1, 1]  # a wrong checksum, and an offset that occurs twice
        topics = copartitioned(namespace.prefix, namespace.group)
        reader = LagReader(KafkaConnection(broker.bootstrap_servers), namespace.group, topics)
        assert all(not lag.records for lag in (await reader.read()).lags.values())
        await reader.close()
        assert worker.process.poll() is None
        assert await asyncio.to_thread(worker.stop) == 0
    assert set(EXPECTED) == {*ODD, "wrong-checksum"}
