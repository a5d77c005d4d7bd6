"""Reads ``audio.raw`` for the oracle with librdkafka, which also returns records that other clients cannot decode."""

import time
from collections.abc import Container, Mapping

from aiokafka import TopicPartition
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message
from confluent_kafka import TopicPartition as Partition

from tests.chaos.records import ObservedRecord

_WITHIN_S = 60.0
_POLL_S = 1.0
_FETCH_BYTES = 12 * 2**20


def read_log(
    servers: str, topic: str, count: int, since: Mapping[TopicPartition, int], headerless: Container[bytes | None] = ()
) -> list[ObservedRecord]:
    """Read all committed records of a topic, to its present end.

    Args:
        servers: The cluster.
        topic: Its full name.
        count: Its number of partitions.
        since: Offsets to begin at, by partition; other partitions are read from their beginning.
        headerless: Keys of records whose headers are not read: a name that is not UTF-8 breaks this library.

    Raises:
        TimeoutError: When reading takes more than a minute.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": "chaos-oracle",  # required by the library; nothing is committed
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",  # when the offset to begin at has expired
            "isolation.level": "read_committed",
            "fetch.message.max.bytes": _FETCH_BYTES,
            "log_level": 0,
        }
    )
    try:
        offsets = [since.get(TopicPartition(topic, number), OFFSET_BEGINNING) for number in range(count)]
        consumer.assign([Partition(topic, number, offset) for number, offset in enumerate(offsets)])
        return _to_the_ends(consumer, count, headerless)
    finally:
        consumer.close()


def _to_the_ends(consumer: Consumer, count: int, headerless: Container[bytes | None]) -> list[ObservedRecord]:
    found: list[ObservedRecord] = []
    ended: set[int] = set()
    until = time.monotonic() + _WITHIN_S
    while len(ended) < count:
        if time.monotonic() > until:
            raise TimeoutError
        message = consumer.poll(_POLL_S)
        if message is None:
            continue
        error = message.error()
        if error is None:
            found.append(_seen(message, headerless))
        elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001  its name in the library's documentation
            ended.add(message.partition())
    return found


def _seen(message: Message, headerless: Container[bytes | None]) -> ObservedRecord:
    _, timestamp = message.timestamp()
    return ObservedRecord(
        message.topic(),
        message.partition(),
        message.offset(),
        message.key(),
        message.value(),
        () if message.key() in headerless else tuple(message.headers() or ()),
        timestamp,
    )
