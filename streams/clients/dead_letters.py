"""A reader of dead letters, without a consumer group and without commits."""

import itertools
import time
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Self

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas import DeadLetter
from schemas.topics import DEAD_LETTER
from streams.clients.connecting import connection_to
from streams.clients.error_translation import translated_errors, unavailable
from streams.clients.letters import LetterPosition, LetterRecord
from streams.clients.messages import record_of
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.unreadable import Unreadable

_LARGEST_BYTES = 10 * 2**20  # largest record, and the brokers' limit for a request
_POLL_MS = 500
#: Seconds without progress after which reading fails.
_PROGRESS_TIMEOUT = 20.0
#: Up to this distance in offsets, the next wanted letter is reached by reading on instead of a seek.
_NEAR = 200


class DeadLetterReader:
    """Reads dead letters; use it as an async context manager.

    Every method that reads raises `BrokersUnavailableError` when the brokers stop answering.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.
        topic: Full name of the topic, with the installation's prefix.

    Raises:
        BrokersUnavailableError: On entering, if no broker answers.
        TopicNotFoundError: On entering, if the topic does not exist.
    """

    def __init__(self, bootstrap_servers: str | KafkaConnection, topic: str = DEAD_LETTER) -> None:
        self._topic = topic
        self._connection = connection_to(bootstrap_servers)
        self._consumer = self._connection.consumer(
            topic,  # without a group: all partitions of it
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            max_partition_fetch_bytes=_LARGEST_BYTES,
        )

    async def __aenter__(self) -> Self:
        with self._translated_errors():
            try:
                await self._consumer.start()
            except BaseException:
                await self._consumer.stop()
                raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._translated_errors():
            await self._consumer.stop()

    async def partitions(self) -> dict[str, frozenset[int]]:
        """Read the partitions of all topics."""
        # A request for one topic by name would let a broker create it. The client has no public method for this.
        try:
            found = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001
        except KafkaError as error:  # of no kind of its own, where none of the brokers answers
            raise unavailable(self._connection) from error
        return {topic: frozenset(found.partitions_for_topic(topic) or ()) for topic in found.topics()}

    async def all(self, since_ms: int | None = None) -> AsyncIterator[LetterRecord]:
        """Yield all present dead letters, in order within each partition.

        Args:
            since_ms: Start at letters written at this time, by the brokers' time index; milliseconds since the epoch.
        """
        begins, ends = await self._bounds()
        if since_ms is not None:
            with self._translated_errors():
                found = await self._consumer.offsets_for_times(dict.fromkeys(begins, since_ms))
            begins = {place: ends[place] if found.get(place) is None else found[place].offset for place in begins}
        async for refused in self._between(begins, ends):
            yield refused

    async def last(self, count: int) -> AsyncIterator[LetterRecord]:
        """Yield the last dead letters of each partition, in order within it: at least `count` if there are as many."""
        begins, ends = await self._bounds()
        # Each letter may have its own transaction, whose marker takes an offset as well.
        near = {place: max(begins[place], ends[place] - 2 * count) for place in begins}
        async for refused in self._between(near, ends):
            yield refused

    async def these(self, wanted: Collection[LetterPosition]) -> AsyncIterator[LetterRecord]:
        """Yield the dead letters at given positions, in order; positions without a letter are skipped."""
        begins, ends = await self._bounds()
        places = {place.partition: place for place in begins}
        for partition, group in itertools.groupby(sorted(set(wanted)), key=lambda place: place.partition):
            place = places.get(partition)
            if place is None:
                continue
            there = [one.offset for one in group if begins[place] <= one.offset < ends[place]]
            for run in _runs(there):
                offsets = set(run)
                async for refused in self._between({place: run[0]}, {place: run[-1] + 1}):
                    if refused.place.offset in offsets:
                        yield refused

    async def _bounds(self) -> tuple[dict[TopicPartition, int], dict[TopicPartition, int]]:
        """The first offset and the end offset of every partition."""
        places = list(self._consumer.assignment())
        with self._translated_errors():
            return await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)

    async def _between(
        self, begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[LetterRecord]:
        for place, begin in begins.items():
            self._consumer.seek(place, begin)
        positions, moved = dict(begins), time.monotonic()
        while unfinished := [place for place, position in positions.items() if position < ends[place]]:
            with self._translated_errors():
                batches = await self._consumer.getmany(*unfinished, timeout_ms=_POLL_MS)
            for place, records in batches.items():
                for record in records:
                    if record.offset < ends[place]:
                        yield _refused(record)
            with self._translated_errors():
                reached = {place: await self._consumer.position(place) for place in positions}
            if reached != positions:  # transaction markers move the position without records
                positions, moved = reached, time.monotonic()
            elif time.monotonic() - moved > _PROGRESS_TIMEOUT:
                raise unavailable(self._connection)

    def _translated_errors(self) -> AbstractContextManager[None]:
        return translated_errors(self._connection, self._topic)


def _runs(offsets: Iterable[int]) -> Iterator[list[int]]:
    """Group offsets that are near each other."""
    run: list[int] = []
    for offset in offsets:
        if run and offset - run[-1] > _NEAR:
            yield run
            run = []
        run.append(offset)
    if run:
        yield run


def _refused(message: ConsumerRecord) -> LetterRecord:
    letter = message.rejection if isinstance(message, Unreadable) else DeadLetter.from_record(record_of(message))
    return LetterRecord(LetterPosition(message.partition, message.offset), message.timestamp, letter)
