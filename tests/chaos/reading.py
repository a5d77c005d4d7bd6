"""Reads topics: to their ends for the judgement, and continuously to time the outcomes."""

import asyncio
import contextlib
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.chaos.records import COMPRESSED, DEAD_LETTER, PARTITIONS, ObservedRecord, Place

_READ_WITHIN_S = 60.0
_POLL_MS = 200
_LOOK_S = 0.05
_FETCH_BYTES = 8 * 2**20

Offsets = Mapping[TopicPartition, int]


@dataclass(frozen=True, slots=True)
class Reading:
    """Records in the order of reading, and the next offset of each partition."""

    records: list[ObservedRecord]
    ends: Offsets


def partitions(*topics: str, count: int = PARTITIONS) -> list[TopicPartition]:
    """All partitions of topics with ``count`` partitions each."""
    return [TopicPartition(topic, number) for topic in topics for number in range(count)]


async def read(
    servers: str, topics: Collection[str], *, committed: bool, since: Offsets | None = None, count: int = PARTITIONS
) -> Reading:
    """Read topics to their present ends.

    Args:
        servers: The cluster.
        topics: Full names.
        committed: Whether to read as ``read_committed`` does; then the end is the last stable offset.
        since: Offsets to begin at, by partition; other partitions are read from their beginning.
        count: Number of partitions of each topic.

    Raises:
        TimeoutError: When reading takes more than a minute.
    """
    wanted = partitions(*topics, count=count)
    records: list[ObservedRecord] = []
    async with asyncio.timeout(_READ_WITHIN_S), _consumer(servers, committed=committed) as consumer:
        consumer.assign(wanted)
        ends = await consumer.end_offsets(wanted)
        for partition in wanted:
            consumer.seek(partition, (since or {}).get(partition, 0))
        while any([await consumer.position(partition) < end for partition, end in ends.items()]):
            for found in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                records += map(ObservedRecord.of, found)
    return Reading([one for one in records if one.offset < ends[_partition_of(one)]], ends)


async def committed_offsets(servers: str, group: str, topic: str, count: int = PARTITIONS) -> Mapping[int, int]:
    """A group's committed offsets, by partition; those that never committed are missing."""
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=partitions(topic, count=count))
    finally:
        await admin.close()
    return {partition.partition: offset.offset for partition, offset in found.items() if offset.offset >= 0}


class OpenTransactions:
    """Finds partitions with an open transaction, where ``read_committed`` consumers stop.

    Args:
        servers: The cluster.
        topics: Full names.
        count: Number of partitions of each topic.
    """

    def __init__(self, servers: str, topics: Collection[str], count: int = PARTITIONS) -> None:
        self._servers = servers
        self._partitions = partitions(*topics, count=count)
        self._started = contextlib.AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as started:
            self._all = _consumer(self._servers, committed=False)
            self._stable = _consumer(self._servers, committed=True)
            for consumer in (self._all, self._stable):
                started.push_async_callback(consumer.stop)  # also if its start is interrupted
            for consumer in (self._all, self._stable):
                await consumer.start()
                consumer.assign(self._partitions)  # loads their metadata at once
                consumer.pause(*self._partitions)
            self._started = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._started.aclose()

    async def look(self) -> Mapping[TopicPartition, tuple[int, int]]:
        """By partition with an open transaction, its last stable offset (the begin of the earliest one) and its end."""
        ends: Offsets = await self._all.end_offsets(self._partitions)
        stable: Offsets = await self._stable.end_offsets(self._partitions)
        return {partition: (stable[partition], end) for partition, end in ends.items() if stable[partition] < end}


class Follower:
    """Records when results and dead letters become visible.

    Args:
        servers: The cluster.
        prefix: Put before every topic's name.
        count: Number of partitions of each topic.

    Attributes:
        arrivals: By input, monotonic seconds of its first outcome.
    """

    def __init__(self, servers: str, prefix: str, count: int = PARTITIONS) -> None:
        self._servers = servers
        self._partitions = partitions(f"{prefix}{COMPRESSED}", f"{prefix}{DEAD_LETTER}", count=count)
        self._positions = dict.fromkeys(self._partitions, 0)
        self._task: asyncio.Task[None] | None = None
        self.arrivals: dict[Place, float] = {}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def wait_for(self, places: Iterable[Place], within: float) -> None:
        """Wait until every input has an outcome, for at most ``within`` seconds."""
        missing = set(places)
        until = time.monotonic() + within
        while (missing := missing - self.arrivals.keys()) and time.monotonic() < until:
            if self._task is not None and self._task.done():
                self._task.result()
            await asyncio.sleep(_LOOK_S)

    async def _follow(self) -> None:
        while True:
            with contextlib.suppress(KafkaError):  # brokers fail on purpose; continue at the last position
                async with _consumer(self._servers, committed=True) as consumer:
                    consumer.assign(self._partitions)
                    for partition, offset in self._positions.items():
                        consumer.seek(partition, offset)
                    while True:
                        await self._take(consumer)
            await asyncio.sleep(_LOOK_S)

    async def _take(self, consumer: AIOKafkaConsumer) -> None:
        for partition, records in (await consumer.getmany(timeout_ms=_POLL_MS)).items():
            now = time.monotonic()
            self._positions[partition] = records[-1].offset + 1
            for record in records:
                place = ObservedRecord.of(record).place
                if place is not None:
                    self.arrivals.setdefault(place, now)


def _consumer(servers: str, *, committed: bool) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        bootstrap_servers=servers,
        isolation_level="read_committed" if committed else "read_uncommitted",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=_FETCH_BYTES,
        fetch_max_wait_ms=100,
    )


def _partition_of(seen: ObservedRecord) -> TopicPartition:
    return TopicPartition(seen.topic, seen.partition)
