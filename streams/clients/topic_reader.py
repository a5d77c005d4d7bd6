"""Reads a bounded range of a topic, without a consumer group and without commits."""

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from aiokafka import ConsumerRecord, TopicPartition

from streams.clients.connecting import connection_to
from streams.clients.error_translation import translated_errors, unavailable
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import explained_refusal
from streams.kafka.stopping import stopped_on_failure

Offsets = Mapping[TopicPartition, int]

_LARGEST_BYTES = 10 * 2**20  # largest record, and the brokers' limit for a request
_POLL_MS = 500
#: How long a broker waits for a partition that is at its end: what is read is there already, and waits for that answer.
_FETCH_MAX_WAIT_MS = 10
#: Seconds without progress after which reading fails.
_PROGRESS_TIMEOUT = 20.0


class TopicReader:
    """Reads committed records of one topic; use it as an async context manager.

    Every method that reads raises `BrokersUnavailableError` when the brokers stop answering.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.
        topic: Full name of the topic, with the installation's prefix.

    Raises:
        BrokersUnavailableError: On entering, if no broker answers.
        TopicNotFoundError: On entering, if the topic does not exist.
    """

    def __init__(self, bootstrap_servers: str | KafkaConnection, topic: str) -> None:
        self._topic = topic
        self._connection = connection_to(bootstrap_servers)
        self._consumer = self._connection.consumer(
            topic,  # without a group: all partitions of it
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            max_partition_fetch_bytes=_LARGEST_BYTES,
            fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
        )

    async def __aenter__(self) -> Self:
        with self._translated_errors():
            async with stopped_on_failure(self._consumer), explained_refusal(self._connection):
                await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._translated_errors():
            await self._consumer.stop()

    async def bounds(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """Read the first offset and the end offset of every partition."""
        places = list(self._consumer.assignment())
        with self._translated_errors():
            return await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)

    async def offsets_at(self, time_ms: int, ends: Offsets) -> dict[TopicPartition, int]:
        """Read the offset of the first record of each partition that was written at a time or later.

        Args:
            time_ms: Milliseconds since the epoch, by the brokers' time index.
            ends: The result for partitions without such a record.
        """
        with self._translated_errors():
            found = await self._consumer.offsets_for_times(dict.fromkeys(ends, time_ms))
        return {place: end if found.get(place) is None else found[place].offset for place, end in ends.items()}

    async def between(
        self, begins: Offsets, ends: Offsets, reached: Callable[[Offsets], None] | None = None
    ) -> AsyncIterator[ConsumerRecord]:
        """Yield the records from the first offsets until before the second ones, in order within each partition.

        Args:
            begins: Where to begin in each partition.
            ends: Where to end.
            reached: Called with the positions after each batch of records.
        """
        for place, begin in begins.items():
            self._consumer.seek(place, begin)
        positions, moved = dict(begins), time.monotonic()
        while unfinished := [place for place, position in positions.items() if position < ends[place]]:
            with self._translated_errors():
                batches = await self._consumer.getmany(*unfinished, timeout_ms=_POLL_MS)
            for place, records in batches.items():
                for record in records:
                    if record.offset < ends[place]:
                        yield record
            with self._translated_errors():
                now = {place: await self._consumer.position(place) for place in positions}
            if now != positions:  # transaction markers move the position without records
                positions, moved = now, time.monotonic()
                if reached is not None:
                    reached(positions)
            elif time.monotonic() - moved > _PROGRESS_TIMEOUT:
                raise unavailable(self._connection)

    def _translated_errors(self) -> AbstractContextManager[None]:
        return translated_errors(self._connection, self._topic)
