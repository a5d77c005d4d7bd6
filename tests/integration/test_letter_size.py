"""The size limit of dead letters, compared with the brokers' limit to the byte."""

from dataclasses import replace

import pytest

from schemas import DeadLetter, Position, Record, Rejection
from schemas.record import TopicPartition
from schemas.record_size import batch_bytes
from schemas.topics import DEAD_LETTER, topic
from streams.delivery.outcome import Output
from streams.delivery.transactions import Batch, GroupProducer
from streams.kafka.connection import KafkaConnection
from streams.kafka.produce_errors import OutcomeRefusedError
from streams.kafka.protocol.txn_offset_commit import GroupMember
from streams.kafka.topics import apply_topics
from tests.support.brokers import Broker, Namespace

LIMIT = topic(DEAD_LETTER).max_message_bytes
WHY = Rejection("contract", "ValueTooLarge", "value", "has too many bytes")


async def written(broker: Broker, namespace: Namespace, record: Record) -> None:
    """Write a record to the topic of dead letters as a worker does."""
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    tp = TopicPartition(f"{namespace.prefix}audio.raw", 3)
    producer = GroupProducer(KafkaConnection(broker.bootstrap_servers), GroupMember(namespace.group, -1, "", ""), [tp])
    await producer.start()
    try:
        await producer.commit([Batch(tp, [Output(f"{namespace.prefix}{DEAD_LETTER}", record)], 1, 0)])
    finally:
        await producer.stop()


def letter_of(batch_size: int) -> DeadLetter:
    """A dead letter of a given size in bytes."""
    letter = DeadLetter(Record(b"call", b"", (("a", b"1"),), 17), Position("audio.raw", 3, 2**40), WHY)
    value = bytes(batch_size)
    while (
        size := batch_bytes(replace(letter, original=replace(letter.original, value=value)).to_record())
    ) > batch_size:
        value = bytes(len(value) - (size - batch_size))
    assert size == batch_size
    return replace(letter, original=replace(letter.original, value=value))


async def test_the_largest_letter_is_written_whole(broker: Broker, namespace: Namespace) -> None:
    letter = letter_of(LIMIT)
    assert letter.fitted(LIMIT) is letter
    await written(broker, namespace, letter.to_record())


async def test_one_byte_more_is_refused_and_what_is_cut_is_written(broker: Broker, namespace: Namespace) -> None:
    letter = letter_of(LIMIT + 1)
    with pytest.raises(OutcomeRefusedError, match="MESSAGE_TOO_LARGE"):
        await written(broker, namespace, letter.to_record())
    cut = letter.fitted(LIMIT)
    assert not cut.whole
    await written(broker, namespace, cut.to_record())
