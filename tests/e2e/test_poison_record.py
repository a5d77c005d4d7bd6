"""Records that are small when compressed and too large for a dead letter, on a topic that keeps batches as sent."""

import hashlib

import pytest
from confluent_kafka import Producer

from schemas import DeadLetter, Record
from schemas.dead_letter import EXCERPT_BYTES
from tests.chaos.workers import Worker, running
from tests.support.brokers import Broker, Namespace
from tests.support.events import RAW
from tests.support.outcomes import outcomes
from tests.support.topic_settings import set_topic

GOOD = RAW.to_record()
ZEROS = bytes(12 * 2**20)
#: Each one exceeds the limit of the dead-letter topic; together they compress to some kilobytes.
POISON = {
    "value": Record(GOOD.key, ZEROS, GOOD.headers),
    "headers": Record(GOOD.key, b"", (*GOOD.headers, *((f"x-{number}", bytes(2**20)) for number in range(12)))),
    "key": Record(ZEROS, b"", GOOD.headers),
}


def send(broker: Broker, topic: str, *records: Record) -> None:
    """Send records with gzip compression to partition 3, as any client may."""
    settings = {"compression.type": "gzip", "message.max.bytes": 100_000_000}
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, **settings})
    errors: list[object] = []
    for one in records:
        producer.produce(
            topic,
            one.value,
            key=one.key,
            headers=list(one.headers),
            partition=3,
            on_delivery=lambda error, _: errors.append(error),
        )
        producer.flush(30)
    assert errors == [None] * len(records)


@pytest.mark.parametrize("part", POISON)
async def test_it_costs_itself_one_dead_letter_with_its_beginning(
    part: str, broker: Broker, namespace: Namespace, worker: Worker
) -> None:
    topic = f"{namespace.prefix}audio.raw"
    with running(worker):
        await set_topic(broker.bootstrap_servers, topic, compression_type="producer")
        send(broker, topic, GOOD, POISON[part], GOOD)
        found = await outcomes(broker.bootstrap_servers, namespace.prefix, lambda found: len(found) >= 3, within=60)
        assert worker.alive
    by_offset = {one.offset: one for one in found}
    assert sorted(by_offset) == [0, 1, 2]
    assert [by_offset[offset].code for offset in (0, 2)] == [None, None]
    message = by_offset[1].message
    letter = DeadLetter.from_record(Record(message.key, message.value, tuple(message.headers), message.timestamp))
    assert isinstance(letter, DeadLetter)
    assert not letter.whole
    if part == "value":
        assert letter.original.value == bytes(EXCERPT_BYTES)
        assert letter.cut.value_bytes == len(ZEROS)
        assert letter.cut.value_sha256 == hashlib.sha256(ZEROS).hexdigest()
        assert letter.original.headers == GOOD.headers
    elif part == "headers":
        assert letter.cut.header_count == len(POISON[part].headers)
        assert letter.original.headers == GOOD.headers
    else:
        assert letter.cut.key_bytes == len(ZEROS)
        assert letter.original.key == bytes(EXCERPT_BYTES)
