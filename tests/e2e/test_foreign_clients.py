"""Producers of other client libraries, in every compression codec of Kafka, on topics that keep batches as sent."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import confluent_kafka
import kafka
import pytest
from aiokafka import AIOKafkaProducer

from schemas import Policy, PolicyEvent, Record, Rejection
from schemas.topics import COMPRESSED, DEAD_LETTER, POLICY
from schemas.topics import RAW as RAW_TOPIC
from scripts.commands import listen
from streams.clients import CompressedAudioConsumer
from streams.clients.dead_letters import DeadLetterReader
from streams.kafka.connection import KafkaConnection
from streams.kafka.lag import LagReader
from streams.kafka.topics import apply_topics
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED as RESULT
from tests.support.events import RAW
from tests.support.outcomes import outcomes
from tests.support.topic_settings import set_topic

CODECS = ("gzip", "snappy", "lz4", "zstd")
PARTITIONS = 8
#: Records of one producer in one codec; the client sends them as one batch.
RECORDS = 5


class Sending(NamedTuple):
    """The records for one partition."""

    servers: str
    topic: str
    partition: int
    records: Sequence[Record]


async def by_librdkafka(sending: Sending, codec: str) -> None:
    def send() -> None:
        producer = confluent_kafka.Producer(
            {"bootstrap.servers": sending.servers, "compression.codec": codec, "linger.ms": 100, "acks": "all"}
        )
        for record in sending.records:
            producer.produce(
                sending.topic,
                record.value,
                record.key,
                partition=sending.partition,
                headers=list(record.headers),
            )
        assert producer.flush(20) == 0

    await asyncio.to_thread(send)


async def by_kafka_python(sending: Sending, codec: str) -> None:
    def send() -> None:
        producer = kafka.KafkaProducer(
            bootstrap_servers=sending.servers, compression_type=codec, linger_ms=100, acks="all"
        )
        for record in sending.records:
            producer.send(
                sending.topic,
                value=record.value,
                key=record.key,
                partition=sending.partition,
                headers=list(record.headers),
            )
        producer.flush(20)
        producer.close()

    await asyncio.to_thread(send)


async def by_aiokafka(sending: Sending, codec: str) -> None:
    async with AIOKafkaProducer(
        bootstrap_servers=sending.servers, compression_type=codec, linger_ms=100, acks="all"
    ) as producer:
        sent = [
            await producer.send(
                sending.topic,
                record.value,
                key=record.key,
                partition=sending.partition,
                headers=list(record.headers),
            )
            for record in sending.records
        ]
        await asyncio.gather(*sent)


SENDERS = {"librdkafka": by_librdkafka, "kafka-python": by_kafka_python, "aiokafka": by_aiokafka}


@pytest.fixture
async def as_sent(broker: Broker, namespace: Namespace) -> Callable[[str], str]:
    """Create the topics, which keep batches as they are sent; return a function that gives their full names."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    for topic in (RAW_TOPIC, POLICY, COMPRESSED, DEAD_LETTER):
        await set_topic(broker.bootstrap_servers, f"{namespace.prefix}{topic}", compression_type="producer")
    return lambda topic: f"{namespace.prefix}{topic}"


def numbered() -> Iterator[tuple[str, str, int]]:
    """Every producer in every codec, each with a partition; at most two share one."""
    cases = [(sender, codec) for sender in SENDERS for codec in CODECS]
    for number, (sender, codec) in enumerate(cases):
        yield sender, codec, number % PARTITIONS


async def test_a_worker_reads_every_sender_in_every_codec(
    broker: Broker, namespace: Namespace, tmp_path: Path, as_sent: Callable[[str], str]
) -> None:
    hold = PolicyEvent(RAW.hotel_id, Policy(1, legal_hold=True)).to_record()
    await by_librdkafka(Sending(broker.bootstrap_servers, as_sent(POLICY), 0, [hold]), "lz4")
    await by_aiokafka(Sending(broker.bootstrap_servers, as_sent(POLICY), 0, [Record(b"other", b"{}" * 50)]), "zstd")
    records = [RAW.to_record()] * RECORDS
    for sender, codec, partition in numbered():
        await SENDERS[sender](Sending(broker.bootstrap_servers, as_sent(RAW_TOPIC), partition, records), codec)
    reader = LagReader(KafkaConnection(broker.bootstrap_servers), namespace.group, [as_sent(RAW_TOPIC)])
    lags = (await reader.read()).lags
    assert sum(lag.records for lag in lags.values()) == len(list(numbered())) * RECORDS
    assert all((lag.seconds(0) is not None) and lag.oldest is not None for lag in lags.values())
    for topic in (RAW_TOPIC, POLICY, COMPRESSED, DEAD_LETTER):  # a worker starts on no others; stored batches remain
        await set_topic(broker.bootstrap_servers, as_sent(topic), compression_type="uncompressed")
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path)
    expected = len(list(numbered())) * RECORDS
    with running(worker):
        found = await outcomes(broker.bootstrap_servers, namespace.prefix, lambda found: len(found) >= expected)
        assert len(found) == expected
        assert {one.code for one in found} == {None}
        assert {one.header("ce_quality") for one in found} == {b"5.00"}  # only the policy gives this quality
        assert [lag.records for lag in (await reader.read()).lags.values()] == [0] * PARTITIONS
        page = worker.get("/metrics")[1]
        assert 'audio_policies_refused_total{code="BadPolicy"} 1.0' in page
    await reader.close()


@pytest.mark.parametrize("codec", CODECS)
async def test_helpers_and_commands_read_every_codec(
    broker: Broker,
    namespace: Namespace,
    as_sent: Callable[[str], str],
    codec: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [RESULT.to_record(), Record(b"call-1", bytes(300))]
    await by_librdkafka(Sending(broker.bootstrap_servers, as_sent(COMPRESSED), 0, records), codec)
    await by_kafka_python(Sending(broker.bootstrap_servers, as_sent(DEAD_LETTER), 0, records[1:] * 2), codec)
    async with CompressedAudioConsumer(broker.bootstrap_servers, as_sent(COMPRESSED), from_beginning=True) as consumer:
        assert await anext(consumer) == RESULT
        assert isinstance(await anext(consumer), Rejection)
    async with DeadLetterReader(broker.bootstrap_servers, as_sent(DEAD_LETTER)) as letters:
        assert [type(one.letter) async for one in letters.last(5)] == [Rejection, Rejection]
    await set_topic(broker.bootstrap_servers, as_sent(COMPRESSED), compression_type="uncompressed")  # commands check it
    options = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    listening = ["--from-beginning", "--count", "1", "--timeout", "15", *options]
    assert await asyncio.to_thread(listen.main, listening) == 0
    assert "call-1" in capsys.readouterr().out
