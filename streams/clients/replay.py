"""Sends inputs of dead letters in again, in transactions: all inputs of one or none."""

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, KafkaTimeoutError

from schemas import DeadLetter, Position, Record
from streams.clients.connecting import connection_to
from streams.clients.error_translation import translated, translated_errors
from streams.clients.errors import ReplayError
from streams.clients.letters import LetterPosition
from streams.kafka.connection import KafkaConnection
from streams.kafka.stopping import stop_within

_LARGEST_BYTES = 10 * 2**20  # largest record, and the brokers' limit for a request
#: Seconds for one transaction. Workers read nothing after an open one.
_TIMEOUT = 20.0
_TRANSACTION_TIMEOUT_MS = 30_000
#: Seconds for closing.
_LEAVE_TIMEOUT = 5.0


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

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.

    Attributes:
        undecided: Inputs of a transaction whose commit was requested but not answered.

    Raises:
        BrokersUnavailableError: On entering, if no broker answers.
        HotelAudioError: On entering, if the brokers refuse transactions for another reason.
    """

    def __init__(self, bootstrap_servers: str | KafkaConnection) -> None:
        self._connection = connection_to(bootstrap_servers)
        self._id = f"dead-letters-{uuid.uuid4().hex}"  # unique, so that replays do not fence each other
        self._producer = _producer(self._connection, self._id)
        self.undecided: Sequence[ReplayedInput] = ()

    async def __aenter__(self) -> Self:
        with translated_errors(self._connection):
            await _start(self._producer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translated_errors(self._connection):
            await stop_within(self._producer, _LEAVE_TIMEOUT)

    async def send(
        self, letters: Sequence[tuple[LetterPosition, DeadLetter]], also: Sequence[tuple[str, Record]] = ()
    ) -> list[ReplayedInput]:
        """Send inputs in this order, all or none.

        Args:
            letters: The dead letters.
            also: Topics and records that belong to the same transaction, such as entries of the audit.

        Raises:
            ReplayError: If the brokers refuse one of them, or do not answer.
        """
        try:
            async with asyncio.timeout(_TIMEOUT):
                await self._producer.begin_transaction()
                for topic, record in also:
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
        except (KafkaError, IllegalOperation, TimeoutError) as error:
            if not self.undecided:
                await self._abandon()
            raise ReplayError(str(translated(error, self._connection))) from error
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
                # The coordinator ends the transaction of an earlier producer of this id before it takes a new one.
                successor = _producer(self._connection, self._id)
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


def _producer(connection: KafkaConnection, transactional_id: str) -> AIOKafkaProducer:
    return connection.producer(
        transactional_id=transactional_id,
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
