"""The topics' settings protect the workers from other clients' timestamps and compression."""

import time

import pytest
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.topics import RAW
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace


def send(broker: Broker, topic: str, value: bytes, **options: int) -> Message:
    """Send one record with gzip; return the acknowledged record."""
    settings = {"compression.type": "gzip", "message.max.bytes": 50_000_000}
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, **settings})
    told: list[tuple[KafkaError | None, Message]] = []
    producer.produce(topic, value, key=b"call", on_delivery=lambda *one: told.append(one), **options)
    producer.flush(30)
    ((error, message),) = told
    if error is not None:
        raise KafkaException(error)
    return message


@pytest.fixture
async def raw(broker: Broker, namespace: Namespace) -> str:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    return f"{namespace.prefix}{RAW}"


async def test_a_record_that_is_too_large_unpacked_is_refused_to_its_sender(broker: Broker, raw: str) -> None:
    with pytest.raises(KafkaException) as refused:
        send(broker, raw, bytes(12 * 2**20))
    assert refused.value.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE
    send(broker, raw, bytes(8 * 2**20))


async def test_a_batch_of_small_records_counts_as_it_is_unpacked(broker: Broker, raw: str) -> None:
    for count, refused in ((8, False), (12, True)):
        settings = {"compression.type": "gzip", "message.max.bytes": 50_000_000, "batch.size": 50_000_000}
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "linger.ms": 20_000, **settings})
        errors: list[KafkaError | None] = []
        for _ in range(count):
            producer.produce(
                raw, bytes(2**20), partition=0, on_delivery=lambda error, _, told=errors: told.append(error)
            )
        producer.flush(30)
        assert {error and error.code() for error in errors} == {KafkaError.MSG_SIZE_TOO_LARGE if refused else None}


@pytest.mark.parametrize("sender_says", [1_769_851_800, 4_102_444_800_000], ids=["seconds for milliseconds", "2100"])
async def test_a_record_has_the_time_at_which_its_broker_took_it(broker: Broker, raw: str, sender_says: int) -> None:
    before = time.time()
    kind, milliseconds = send(broker, raw, b"audio", timestamp=sender_says).timestamp()
    assert kind == 2  # LogAppendTime
    assert before - 1 <= milliseconds / 1000 <= time.time() + 1
