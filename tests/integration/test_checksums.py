"""Records that went bad on a broker's disk do not reach a worker as audio."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import CorruptRecordException

from schemas.topics import RAW
from streams.protocol.checksums import check_records_as_fetched
from streams.topics import apply_topics
from tests.support.brokers import Broker, Namespace, broker_from_jars

_AUDIO = b"audio" * 100


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker whose disk may be damaged."""
    with broker_from_jars(tmp_path / "kafka") as running:
        yield running


async def test_what_went_bad_on_disk_is_not_handed_out(tmp_path: Path, broker: Broker, namespace: Namespace) -> None:
    await apply_topics(broker.bootstrap_servers, namespace.prefix, namespace.group)
    calls = TopicPartition(f"{namespace.prefix}{RAW}", 0)
    async with AIOKafkaProducer(bootstrap_servers=broker.bootstrap_servers) as producer:
        for _ in range(2):
            await producer.send_and_wait(calls.topic, _AUDIO, partition=calls.partition)
    [log] = tmp_path.glob(f"**/{calls.topic}-{calls.partition}/*.log")
    with log.open("r+b") as file:
        file.seek(log.read_bytes().rindex(_AUDIO))
        file.write(b"A")
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap_servers)
    check_records_as_fetched(consumer)
    async with consumer:
        consumer.assign([calls])
        consumer.seek(calls, 0)
        assert (await consumer.getone()).value == _AUDIO
        with pytest.raises(CorruptRecordException):
            await consumer.getone()
