"""Finds which records a mirror has not copied yet, from what Kafka Connect has noted in the target cluster."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError

from infra.regions.mirror import PROGRESS_TOPIC
from scripts.cli import CommandError
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.unreadable import Unreadable

_CONNECTOR = "MirrorSourceConnector"
_TIMEOUT_S = 60.0
_POLL_MS = 200
_FETCH_BYTES = 64 * 2**10  # the first record of a partition is enough, and it comes whole however large it is


@dataclass(frozen=True, slots=True)
class Behind:
    """What has not been copied of one topic.

    Attributes:
        topic: Its full name.
        records: Records, at most; markers of transactions among them count as well. 0 only if everything was copied.
        oldest_ms: When the first of them was appended, in milliseconds since the epoch; None if there is none.
    """

    topic: str
    records: int
    oldest_ms: int | None


async def read_progress(source: KafkaConnection, target: KafkaConnection, topics: Sequence[str]) -> list[Behind]:
    """Find what has not been copied, by topic.

    Args:
        source: The cluster that is copied, which has the topics.
        target: The other one.
        topics: Full names.

    Raises:
        CommandError: If the target does not answer.
        TimeoutError: If reading takes more than a minute.
    """
    async with asyncio.timeout(_TIMEOUT_S):
        try:
            copied = await _copied(target)
        except KafkaConnectionError as error:
            raise CommandError(f"no Kafka broker answers at {target.bootstrap_servers}") from error
        waiting = await _first_waiting(source, topics, copied)
    by_topic = groupby(sorted(waiting.items()), key=lambda item: item[0].topic)
    found = {topic: [first for _, first in items] for topic, items in by_topic}
    return [_behind(topic, found.get(topic, [])) for topic in topics]


def _behind(topic: str, waiting: Sequence[tuple[int, int]]) -> Behind:
    return Behind(topic, sum(number for number, _ in waiting), min((time for _, time in waiting), default=None))


async def _copied(target: KafkaConnection) -> Mapping[TopicPartition, int]:
    """The offset after the last copied record of each partition; none before the mirror's first start."""
    consumer = target.consumer(isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = await _partitions(consumer, [PROGRESS_TOPIC])
        copied: dict[TopicPartition, int] = {}
        if not partitions:
            return copied
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for messages in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                for message in messages:
                    if not isinstance(message, Unreadable):
                        _note(copied, message.key, message.value)
        return copied
    finally:
        await consumer.stop()


def _note(copied: dict[TopicPartition, int], key: bytes, value: bytes | None) -> None:
    connector, source = json.loads(key)
    if connector == _CONNECTOR:
        partition = TopicPartition(source["topic"], source["partition"])
        copied[partition] = 0 if value is None else json.loads(value)["offset"] + 1


async def _first_waiting(
    source: KafkaConnection, topics: Sequence[str], copied: Mapping[TopicPartition, int]
) -> dict[TopicPartition, tuple[int, int]]:
    """By partition that has something to copy: number of records, at most, and time of the first."""
    consumer = source.consumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=_FETCH_BYTES,
    )
    await consumer.start()
    try:
        partitions = await _partitions(consumer, topics)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        starts = await consumer.beginning_offsets(partitions)
        for partition in partitions:
            consumer.seek(partition, max(copied.get(partition, 0), starts[partition]))
        waiting: dict[TopicPartition, tuple[int, int]] = {}
        while open_ := [one for one in partitions if one not in waiting and await consumer.position(one) < ends[one]]:
            for partition, messages in (await consumer.getmany(*open_, timeout_ms=_POLL_MS)).items():
                if messages[0].offset < ends[partition]:
                    waiting[partition] = (ends[partition] - messages[0].offset, messages[0].timestamp)
        return waiting
    finally:
        await consumer.stop()


async def _partitions(consumer: AIOKafkaConsumer, topics: Sequence[str]) -> list[TopicPartition]:
    known = await consumer.topics()
    return [
        TopicPartition(topic, number)
        for topic in topics
        if topic in known
        for number in sorted(consumer.partitions_for_topic(topic) or ())
    ]
