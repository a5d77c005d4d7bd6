"""Sends inputs of dead letters in again, each once, in transactions: all inputs of one or none."""

import asyncio
import contextlib
from collections.abc import Sequence, Set
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, KafkaTimeoutError, ProducerFenced

from schemas import DeadLetter, Position, Record
from schemas.replay_mark import ReplayMark
from schemas.topics import REPLAYS
from streams.clients.connecting import connection_to
from streams.clients.error_translation import translated, translated_errors
from streams.clients.errors import ReplayError, ReplayReplacedError
from streams.clients.letters import LetterPosition
from streams.clients.topic_reader import TopicReader
from streams.kafka.connection import KafkaConnection
from streams.kafka.stopping import stop_within, unless_ended

_LARGEST_BYTES = 10 * 2**20  # largest record, and the brokers' limit for a request
#: Seconds for one transaction. Workers read nothing after an open one.
_TIMEOUT = 20.0
_TRANSACTION_TIMEOUT_MS = 30_000
#: Seconds for closing.
_LEAVE_TIMEOUT = 5.0


#: A dead letter and its position.
PlacedLetter = tuple[LetterPosition, DeadLetter]


@dataclass(frozen=True, slots=True)
class ReplayedInput:
    """An input that was sent in again.

    Attributes:
        letter: Position of its dead letter.
        position: Its new position.
    """

    letter: LetterPosition
    position: Position


class Replayer:
    """Sends inputs unchanged to the topics and partitions that they came from; only their timestamps are new.

    Use it as an async context manager. Each call of `send` is one Kafka transaction: a ``read_committed`` consumer,
    such as a worker, sees all of its inputs or none. Do not use it again after an error.

    An installation has one at a time, because all have the same transactional id: on entering it ends the transaction
    of the one before, which cannot write any more, and reads the marks of all inputs that were sent. Its own marks are
    in the transactions of the inputs. So no input is sent twice, whoever is killed when.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.
        marks: Full name of the topic of marks, with the installation's prefix.

    Attributes:
        undecided: Inputs of a transaction whose commit was requested but not answered.

    Raises:
        BrokersUnavailableError: On entering, if no broker answers.
        TopicNotFoundError: On entering, if there is no topic for marks.
        HotelAudioError: On entering, if the brokers refuse transactions for another reason.
    """

    def __init__(self, bootstrap_servers: str | KafkaConnection, marks: str = REPLAYS) -> None:
        self._connection = connection_to(bootstrap_servers)
        self._topic = marks
        self._producer = _producer(self._connection, marks)
        self._marks: set[bytes] = set()
        self._replaced = False
        self.undecided: Sequence[ReplayedInput] = ()

    async def __aenter__(self) -> Self:
        with translated_errors(self._connection):
            await _start(self._producer)
        try:
            self._marks = await read_marks(self._connection, self._topic)
        except BaseException:
            await stop_within(self._producer, _LEAVE_TIMEOUT)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translated_errors(self._connection):
            await stop_within(self._producer, _LEAVE_TIMEOUT)

    @property
    def marks(self) -> Set[bytes]:
        """The keys of all marks."""
        return self._marks

    def unsent(self, letters: Sequence[PlacedLetter]) -> list[PlacedLetter]:
        """The dead letters whose inputs were not sent again, each input once."""
        by_input: dict[bytes, PlacedLetter] = {}
        for one in letters:
            by_input.setdefault(_mark(one).key, one)
        return [one for key, one in by_input.items() if key not in self._marks]

    async def send(
        self, letters: Sequence[PlacedLetter], also: Sequence[tuple[str, Record]] = ()
    ) -> list[ReplayedInput]:
        """Send inputs in this order, all or none.

        Args:
            letters: Dead letters that are `unsent`.
            also: Topics and records that belong to the same transaction, such as entries of the audit.

        Raises:
            ValueError: If one of them was sent before.
            ReplayReplacedError: If somebody else has begun to replay.
            ReplayError: If the brokers refuse one of them, or do not answer.
        """
        if self.unsent(letters) != list(letters):
            raise ValueError("an input may be sent again once")
        marks = [_mark(one) for one in letters]
        records = [*also, *((self._topic, mark.to_record()) for mark in marks)]
        try:
            async with asyncio.timeout(_TIMEOUT):
                sent = await unless_ended(self._producer, self._transaction(letters, records))
        except ProducerFenced as error:
            self._replaced = True
            raise ReplayReplacedError("somebody else has begun to replay; try again when that has ended") from error
        except (KafkaError, IllegalOperation, TimeoutError) as error:
            if not self.undecided:
                await self._abandon()
            raise ReplayError(str(translated(error, self._connection))) from error
        self._marks.update(mark.key for mark in marks)
        return sent

    async def _transaction(
        self, letters: Sequence[PlacedLetter], records: Sequence[tuple[str, Record]]
    ) -> list[ReplayedInput]:
        await self._producer.begin_transaction()
        for topic, record in records:
            await self._producer.send(topic, record.value, key=record.key)
        waiting = [await self._put(letter) for _, letter in letters]
        done = await asyncio.gather(*waiting)
        sent = [
            ReplayedInput(place, Position(one.topic, one.partition, one.offset))
            for (place, _), one in zip(letters, done, strict=True)
        ]
        self.undecided = sent
        await self._producer.commit_transaction()
        self.undecided = ()
        return sent

    async def _abandon(self) -> None:
        """Abort the transaction if the brokers answer; otherwise they abort it after its timeout."""
        with contextlib.suppress(KafkaError, IllegalOperation, TimeoutError):
            async with asyncio.timeout(_LEAVE_TIMEOUT):
                await self._producer.abort_transaction()

    async def _put(self, letter: DeadLetter) -> "asyncio.Future[Position]":
        original, was = letter.original, letter.position
        waiting: asyncio.Future[Position] = await self._producer.send(
            was.topic, original.value, key=original.key, partition=was.partition, headers=list(original.headers)
        )
        return waiting

    async def decide(self) -> bool | None:
        """Find out whether the `undecided` inputs were committed; None while the brokers do not answer."""
        try:
            async with asyncio.timeout(_TIMEOUT):
                await stop_within(self._producer, _LEAVE_TIMEOUT)
                if not self._replaced:
                    # The coordinator ends the transaction of an earlier producer of this id before it takes a new one.
                    successor = _producer(self._connection, self._topic)
                    await _start(successor)
                    await successor.stop()
                return await self._is_visible(self.undecided[0].position)
        except (KafkaError, IllegalOperation, TimeoutError):
            return None

    async def _is_visible(self, position: Position) -> bool:
        place = TopicPartition(position.topic, position.partition)
        consumer = self._connection.consumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            max_partition_fetch_bytes=_LARGEST_BYTES,
        )
        await consumer.start()
        try:
            consumer.assign([place])
            consumer.seek(place, position.offset)
            while await consumer.position(place) <= position.offset:
                batches = await consumer.getmany(place, timeout_ms=500, max_records=1)
                if any(record.offset == position.offset for records in batches.values() for record in records):
                    return True
            return False
        finally:
            await consumer.stop()


async def read_marks(connection: KafkaConnection, topic: str) -> set[bytes]:
    """The keys of the marks that are there now, for whoever looks without replaying.

    Args:
        connection: The cluster.
        topic: Full name of the topic of marks.

    Raises:
        HotelAudioError: If the topic does not exist, or the brokers do not answer.
    """
    async with TopicReader(connection, topic) as reader:
        return {message.key async for message in reader.between(*await reader.bounds()) if message.key is not None}


def _mark(one: PlacedLetter) -> ReplayMark:
    place, letter = one
    return ReplayMark.of(letter, str(place))


def _producer(connection: KafkaConnection, marks: str) -> AIOKafkaProducer:
    return connection.producer(
        transactional_id=f"{marks}-writer",
        transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
        max_request_size=_LARGEST_BYTES,
    )


async def _start(producer: AIOKafkaProducer) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT):
            await producer.start()
    except TimeoutError as error:
        await stop_within(producer, _LEAVE_TIMEOUT)
        raise KafkaTimeoutError("no transaction coordinator answers") from error
    except BaseException:
        await stop_within(producer, _LEAVE_TIMEOUT)
        raise
