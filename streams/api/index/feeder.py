"""Feeds the index from the topics: what is committed there is in the index within a second."""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from aiokafka import ConsumerRecord
from aiokafka import TopicPartition as KafkaPartition
from aiokafka.errors import KafkaError

from schemas.record import TopicPartition
from schemas.topics import INPUTS
from streams.api.index.changes import TOPICS, Change, change_of
from streams.api.index.forgetting import Forgetting
from streams.api.index.result_index import Listener, ResultIndex
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.metadata import TopicMetadata, fetch_topics
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer
from streams.kafka.protocol.unreadable import Unreadable
from streams.security.sealing.missing import Missing

log = structlog.get_logger(__name__)

_POLL_MS = 200
_BATCH = 2000  # records
_FETCH_BYTES, _FETCH_MAX_BYTES = 2**20, 4 * 2**20  # of one partition in an answer, and of all
#: A broker answers when it has so much, or after so long: an answer to each record would cost more than the record.
#: While it catches up, it waits less: what waits for partitions at their end holds up those that have more.
_FETCH_MIN_BYTES, _FETCH_MAX_WAIT_MS, _LOADING_MAX_WAIT_MS = 64 * 2**10, 50, 5
#: Records that are few enough to wait for more, and for how many seconds: each round has a transaction of its own.
_FEW, _WAIT = 100, 0.05
_LOOK = 10.0  # seconds between two looks at the topics' partitions and their first offsets
_PAUSE = 1.0  # seconds before another attempt
_STOP_TIMEOUT = 5.0


class IndexFeeder:
    """Reads the topics of inputs, results and dead letters, without a consumer group.

    Positions are stored with the changes, so that a restart reads on where it was.

    Args:
        connection: The cluster.
        index: The index.
        gone: Returns why the data key of an id is not used any more: it was erased, or has expired; None if it is.
    """

    def __init__(
        self, connection: KafkaConnection, index: ResultIndex, gone: Callable[[bytes], Missing | None] = lambda _: None
    ) -> None:
        self.gone = gone
        self._connection = connection
        self._index = index
        self._numbers = {name: number for number, name in enumerate(index.topics)}
        self._listeners: list[Listener] = []
        self._ends: dict[KafkaPartition, int] | None = None
        self._starts: dict[TopicPartition, int] = {}
        self.records = 0
        self._consumer: TolerantConsumer | None = None
        self._reached: dict[KafkaPartition, int] = {}
        self._progress = asyncio.Condition()
        self._complete = time.monotonic()
        self._forgetting = Forgetting(index)

    @property
    def behind(self) -> float:
        """Seconds since the index had everything that was committed to its topics."""
        return time.monotonic() - self._complete

    @property
    def loaded(self) -> bool:
        """Whether the index has all that was in the topics when it began to read them."""
        return self._ends == {}

    def first_offset(self, place: TopicPartition) -> int:
        """The first offset that a partition still has; older records are past their retention."""
        return self._starts.get(place, 0)

    async def reach_end(self, within: float) -> bool:
        """Wait until the index has every input that is in the topics now; whether it has, within some seconds."""
        consumer = self._consumer
        if consumer is None or not self.loaded:
            return False
        inputs = {self._index.topics[TOPICS.index(one)] for one in INPUTS}
        try:
            async with asyncio.timeout(within):
                ends = await consumer.end_offsets([place for place in self._reached if place.topic in inputs])
                async with self._progress:
                    await self._progress.wait_for(lambda: all(self._reached[one] >= end for one, end in ends.items()))
        except (TimeoutError, KafkaError):
            return False
        return True

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Call a function with the changes of each commit, from the event loop; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def run(self) -> None:
        """Feed forever. Brokers that do not answer are tried again; a corrupt file is made anew."""
        while True:
            try:
                await self._follow()
            except sqlite3.DatabaseError as error:
                log.warning("index_made_anew", reason=str(error))
                self._ends = None
                await asyncio.to_thread(self._index.recreate)
            except (KafkaError, OSError) as error:
                log.warning("index_delayed", error=type(error).__name__, reason=str(error))
            await asyncio.sleep(_PAUSE)

    async def _follow(self) -> None:
        topics = await self._topics()
        if topics is None:
            return
        ids = {name: topic.id.hex() for name, topic in topics.items()}
        if not self._index.belongs_to(ids):
            log.warning("index_made_anew", reason="the topics are others")
            await asyncio.to_thread(self._index.recreate)
            self._index.belongs_to(ids)
        places = [KafkaPartition(name, number) for name, one in topics.items() for number in range(len(one.leaders))]
        consumer = self._connection.consumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=_FETCH_MAX_BYTES,
            fetch_min_bytes=_FETCH_MIN_BYTES,
            fetch_max_wait_ms=_LOADING_MAX_WAIT_MS,
        )
        try:
            await consumer.start()
            await self._begin(consumer, places)
            self._consumer = consumer
            await self._read(consumer, places, topics)
        finally:
            self._consumer = None
            await asyncio.wait_for(consumer.stop(), _STOP_TIMEOUT)

    async def _topics(self) -> dict[str, TopicMetadata] | None:
        async with connected_client(self._connection) as client:
            found = await fetch_topics(client, self._index.topics)
        return found if len(found) == len(TOPICS) else None

    async def _begin(self, consumer: TolerantConsumer, places: Sequence[KafkaPartition]) -> None:
        consumer.assign(places)
        await self._look_at_starts(consumer, places)
        known = self._index.positions()
        for place in places:
            consumer.seek(place, max(known.get(TopicPartition(*place), 0), self._starts[TopicPartition(*place)]))
        self._ends = dict(await consumer.end_offsets(places))
        self._drop_reached({place: await consumer.position(place) for place in places})

    async def _read(
        self, consumer: TolerantConsumer, places: Sequence[KafkaPartition], topics: Mapping[str, TopicMetadata]
    ) -> None:
        looked = time.monotonic()
        self._reached = {}
        while True:
            batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
            positions = {place: await consumer.position(place) for place in places}
            moved = {place: offset for place, offset in positions.items() if self._reached.get(place) != offset}
            messages = [one for batch in batches.values() for one in batch]
            if moved:
                await self._write(messages, moved)
                async with self._progress:
                    self._reached.update(moved)
                    self._progress.notify_all()
            if all(offset >= (consumer.last_stable_offset(place) or 0) for place, offset in positions.items()):
                self._complete = time.monotonic()
            if self.loaded:
                consumer.wait_at_brokers(_FETCH_MAX_WAIT_MS)
                if len(messages) < _FEW:
                    await asyncio.sleep(_WAIT)
            if time.monotonic() - looked > _LOOK:
                looked = time.monotonic()
                await self._look_at_starts(consumer, places)
                await asyncio.to_thread(self._forgetting.step, self._starts)
                if _shape(await self._topics()) != _shape(topics):  # one has more partitions, or was made again
                    return

    async def _write(self, messages: Sequence[ConsumerRecord], positions: Mapping[KafkaPartition, int]) -> None:
        places = {TopicPartition(*place): offset for place, offset in positions.items()}
        changes = await asyncio.to_thread(self._store, messages, places)
        self.records += len(messages)
        self._drop_reached(positions)
        for listener in tuple(self._listeners):
            listener(changes)

    def _store(self, messages: Sequence[ConsumerRecord], places: Mapping[TopicPartition, int]) -> list[Change]:
        readable = [one for one in messages if not isinstance(one, Unreadable)]  # the others become dead letters
        found = [change_of(one, TOPICS[self._numbers[one.topic]], self._numbers) for one in readable]
        changes = [one for one in found if one is not None]
        self._index.write(changes, places)
        return changes

    def _drop_reached(self, positions: Mapping[KafkaPartition, int]) -> None:
        if self._ends:
            self._ends = {place: end for place, end in self._ends.items() if positions.get(place, 0) < end}

    async def _look_at_starts(self, consumer: TolerantConsumer, places: Sequence[KafkaPartition]) -> None:
        starts = await consumer.beginning_offsets(places)
        self._starts = {TopicPartition(*place): offset for place, offset in starts.items()}


def _shape(topics: Mapping[str, TopicMetadata] | None) -> dict[str, tuple[bytes, int]] | None:
    return None if topics is None else {name: (one.id, len(one.leaders)) for name, one in topics.items()}
