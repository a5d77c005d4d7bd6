"""Reads one record by its position, with one request to the leader of its partition.

A consumer that seeks would ask for what follows as well: at the end of a partition its next request waits at the broker
for half a second, and the one after that waits behind it.
"""

import asyncio

from aiokafka import ConsumerRecord
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import (
    CorruptRecordException,
    LeaderNotAvailableError,
    NoError,
    OffsetOutOfRangeError,
    for_code,
)
from aiokafka.protocol.fetch import FetchRequest

from schemas import Position
from streams.kafka.protocol.fetched_partition import FetchedPartition, TakeLimits

#: A broker sends a whole batch, however large, where fewer bytes are asked for; and no further one.
_LEAST_BYTES = 1
_AT_ONCE_MS = 0  # a broker answers the requests of a connection one after the other: none may wait there
_RETRY_PAUSE = 0.05  # seconds
_MOST_READS = 5  # of a batch that does not match its checksum
_ONE = TakeLimits(size=1, records=1, seconds=1.0)


async def record_at(client: AIOKafkaClient, position: Position) -> ConsumerRecord | None:
    """The committed record at a position.

    Args:
        client: A connected client. Any number of records may be read with it at a time.
        position: Where the record is.

    Returns:
        The record, which may be an `Unreadable`; None if there is none, or none any more. What is not committed yet is
        waited for.

    Raises:
        KafkaError: If the brokers refuse, or do not answer.
    """
    place = KafkaPartition(position.topic, position.partition)
    await client.add_topic(position.topic)
    corrupt = 0
    while corrupt < _MOST_READS:
        try:
            data, aborted = await _ask(client, place, position.offset)
            if data:
                return _first(place, data, aborted, position.offset)
        except OffsetOutOfRangeError:
            return None
        except CorruptRecordException:
            corrupt += 1
        except LeaderNotAvailableError:
            await client.force_metadata_update()
        await asyncio.sleep(_RETRY_PAUSE)
    return None


async def _ask(client: AIOKafkaClient, place: KafkaPartition, offset: int) -> tuple[bytes, list[tuple[int, int]]]:
    """Committed batches from the offset on, none if it is not committed yet; and what of them was aborted."""
    leader = client.cluster.leader_for_partition(place)
    if leader is None or leader < 0:
        raise LeaderNotAvailableError
    topics = [(place.topic, [(place.partition, offset, _LEAST_BYTES)])]
    request = FetchRequest(_AT_ONCE_MS, _LEAST_BYTES, _LEAST_BYTES, READ_COMMITTED, topics)
    response = await client.send(leader, request)
    [(_, [(_, code, _, _, _, aborted, *_, data)])] = response.topics
    error = for_code(code)
    if error is not NoError:
        raise LeaderNotAvailableError if error.retriable and error is not OffsetOutOfRangeError else error
    return data or b"", [(producer, first) for producer, first in aborted or ()]


def _first(place: KafkaPartition, data: bytes, aborted: list[tuple[int, int]], offset: int) -> ConsumerRecord | None:
    """The record at the offset.

    Raises:
        CorruptRecordException: If its batch does not match its checksum; it may be intact when it is read again.
    """
    batches = FetchedPartition(place, data, aborted, offset)
    while not batches.exhausted:
        for record in batches.take(_ONE):
            return record if record.offset == offset else None
        if batches.checksum_failed:
            raise CorruptRecordException
    return None
