"""Reads what was refused, without a group and without committing anything."""

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
from streams.clients.error_translation import translated_errors, unavailable
from streams.clients.letters import Place, Refused
from streams.clients.messages import record_of
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.unreadable import Unreadable

_LARGEST_BYTES = 10 * 2**20  # of a record, and what the brokers allow for a request
_POLL_MS = 500
#: Seconds without any progress after which the brokers are given up.
_PATIENCE = 20.0
#: Letters that are read on the way to the next one that is wanted, rather than sought.
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
        self._connection = KafkaConnection.of(bootstrap_servers)
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
        """The partitions of every topic that exists."""
        # All of them: asking for one by name lets a broker create it. Nothing public tells partitions.
        try:
            found = await self._consumer._client.fetch_all_metadata()  # noqa: SLF001
        except KafkaError as error:  # of no kind of its own, where none of the brokers answers
            raise unavailable(self._connection) from error
        return {topic: frozenset(found.partitions_for_topic(topic) or ()) for topic in found.topics()}

    async def all(self, since_ms: int | None = None) -> AsyncIterator[Refused]:
        """Every dead letter that is there now, in order within each partition.

        Args:
            since_ms: Leave out, as far as the brokers know, what was written before; milliseconds since the epoch.
        """
        begins, ends = await self._bounds()
        if since_ms is not None:
            with self._translated_errors():
                found = await self._consumer.offsets_for_times(dict.fromkeys(begins, since_ms))
            begins = {place: ends[place] if found.get(place) is None else found[place].offset for place in begins}
        async for refused in self._between(begins, ends):
            yield refused

    async def last(self, count: int) -> AsyncIterator[Refused]:
        """The last dead letters of each partition, in order within it: as many as are wanted, or more."""
        begins, ends = await self._bounds()
        # Each may be alone in its transaction, whose end takes an offset as well.
        near = {place: max(begins[place], ends[place] - 2 * count) for place in begins}
        async for refused in self._between(near, ends):
            yield refused

    async def these(self, wanted: Collection[Place]) -> AsyncIterator[Refused]:
        """The dead letters at some places, by partition and offset; places where there is none are left out."""
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
        """The first offset of every partition, and the one behind the last."""
        places = list(self._consumer.assignment())
        with self._translated_errors():
            return await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)

    async def _between(
        self, begins: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[Refused]:
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
            if reached != positions:  # where only markers of transactions are left, nothing is read
                positions, moved = reached, time.monotonic()
            elif time.monotonic() - moved > _PATIENCE:
                raise unavailable(self._connection)

    def _translated_errors(self) -> AbstractContextManager[None]:
        return translated_errors(self._connection, self._topic)


def _runs(offsets: Iterable[int]) -> Iterator[list[int]]:
    """Offsets that are near each other, together."""
    run: list[int] = []
    for offset in offsets:
        if run and offset - run[-1] > _NEAR:
            yield run
            run = []
        run.append(offset)
    if run:
        yield run


def _refused(message: ConsumerRecord) -> Refused:
    letter = message.rejection if isinstance(message, Unreadable) else DeadLetter.from_record(record_of(message))
    return Refused(Place(message.partition, message.offset), message.timestamp, letter)
