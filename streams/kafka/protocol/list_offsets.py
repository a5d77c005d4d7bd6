"""First and end offset of a partition's log, including records of open transactions."""

import asyncio
from collections.abc import Collection
from typing import NamedTuple

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError, NoError, for_code
from aiokafka.protocol.offset import OffsetRequest

_REPLICA = -1
_READ_UNCOMMITTED = 0
_LATEST, _EARLIEST = -1, -2
_RETRY_PAUSE = 0.1


class Bounds(NamedTuple):
    """The bounds of a log.

    Attributes:
        start: Its first offset.
        end: The offset after its last record.
    """

    start: int
    end: int


async def read_bounds(
    client: AIOKafkaClient, partitions: Collection[TopicPartition], within: float
) -> dict[TopicPartition, Bounds]:
    """Read the bounds of logs from the partitions' leaders.

    Args:
        client: A connected client that has the topics' metadata.
        partitions: The partitions.
        within: Seconds after which a partition whose leader does not answer is left out.

    Raises:
        KafkaError: When the brokers refuse.
    """
    found = await asyncio.gather(*(_bounds(client, partition, within) for partition in partitions))
    return {partition: bounds for partition, bounds in zip(partitions, found, strict=True) if bounds is not None}


async def _bounds(client: AIOKafkaClient, partition: TopicPartition, within: float) -> Bounds | None:
    try:
        async with asyncio.timeout(within):
            while True:
                try:
                    start = await _offset(client, partition, _EARLIEST)
                    return Bounds(start, await _offset(client, partition, _LATEST))
                except KafkaError as error:
                    if not error.retriable:
                        raise
                await client.force_metadata_update()
                await asyncio.sleep(_RETRY_PAUSE)
    except TimeoutError:
        return None


async def _offset(client: AIOKafkaClient, partition: TopicPartition, which: int) -> int:
    leader = client.cluster.leader_for_partition(partition)
    if leader is None or leader < 0:
        raise LeaderNotAvailableError
    topics = [(partition.topic, [(partition.partition, which)])]
    answer = await client.send(leader, OffsetRequest(_REPLICA, _READ_UNCOMMITTED, topics))
    [(_, [(_, code, _, offset, *_)])] = answer.topics
    if (error := for_code(code)) is not NoError:
        raise error
    return int(offset)
