"""A reader of dead letters, without a consumer group and without commits."""

import itertools
from collections.abc import AsyncIterator, Collection, Iterable, Iterator

from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError

from schemas import DeadLetter
from schemas.topics import DEAD_LETTER
from streams.clients.error_translation import unavailable
from streams.clients.letters import LetterPosition, LetterRecord
from streams.clients.messages import record_of
from streams.clients.topic_reader import Offsets, TopicReader
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.unreadable import Unreadable

#: Up to this distance in offsets, the next wanted letter is reached by reading on instead of a seek.
_NEAR = 200


class DeadLetterReader(TopicReader):
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
        super().__init__(bootstrap_servers, topic)

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
        begins, ends = await self.bounds()
        async for refused in self._letters(begins if since_ms is None else await self.offsets_at(since_ms, ends), ends):
            yield refused

    async def last(self, count: int) -> AsyncIterator[LetterRecord]:
        """Yield the last dead letters of each partition, in order within it: at least `count` if there are as many."""
        begins, ends = await self.bounds()
        # Each letter may have its own transaction, whose marker takes an offset as well.
        near = {place: max(begins[place], ends[place] - 2 * count) for place in begins}
        async for refused in self._letters(near, ends):
            yield refused

    async def these(self, wanted: Collection[LetterPosition]) -> AsyncIterator[LetterRecord]:
        """Yield the dead letters at given positions, in order; positions without a letter are skipped."""
        begins, ends = await self.bounds()
        places = {place.partition: place for place in begins}
        for partition, group in itertools.groupby(sorted(set(wanted)), key=lambda place: place.partition):
            place = places.get(partition)
            if place is None:
                continue
            there = [one.offset for one in group if begins[place] <= one.offset < ends[place]]
            for run in _runs(there):
                offsets = set(run)
                async for refused in self._letters({place: run[0]}, {place: run[-1] + 1}):
                    if refused.place.offset in offsets:
                        yield refused

    async def _letters(self, begins: Offsets, ends: Offsets) -> AsyncIterator[LetterRecord]:
        async for message in self.between(begins, ends):
            yield _refused(message)


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
