"""Sends refused inputs in again, some at a time, each time all or none."""

import asyncio
import contextlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, KafkaTimeoutError

from schemas import DeadLetter, Position
from streams.clients.error_translation import translated, translated_errors
from streams.clients.errors import ReplayError
from streams.clients.letters import Place
from streams.clients.stopping import stopped_within
from streams.kafka.connection import KafkaConnection

_LARGEST_BYTES = 10 * 2**20  # of a record, and what the brokers allow for a request
#: Seconds for the inputs of one transaction, and for its end. Workers read nothing behind an open one.
_WITHIN = 20.0
_TRANSACTION_TIMEOUT_MS = 30_000
_LEAVE_WITHIN = 5.0


@dataclass(frozen=True, slots=True)
class Sent:
    """An input that was sent in again.

    Attributes:
        letter: Where its dead letter stands.
        position: Where it stands now.
    """

    letter: Place
    position: Position


class Replayer:
    """Sends inputs to where they came from, exactly as they came, but with the time of now.

    Use it as an async context manager. Inputs are sent in one Kafka transaction at a time: a ``read_committed``
    consumer, such as a worker, sees all of them or none. After an error it sends no more.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``, or a `KafkaConnection`.

    Attributes:
        undecided: What was sent in a transaction whose end was asked for and not heard of.

    Raises:
        BrokersUnavailableError: On entering, if no broker answers.
        HotelAudioError: On entering, if no transaction is to be had for another reason.
    """

    def __init__(self, bootstrap_servers: str | KafkaConnection) -> None:
        self._connection = KafkaConnection.of(bootstrap_servers)
        self._id = f"dead-letters-{uuid.uuid4().hex}"  # its own, so that replays do not end each other
        self._producer = _producer(self._connection, self._id)
        self.undecided: Sequence[Sent] = ()

    async def __aenter__(self) -> Self:
        with translated_errors(self._connection):
            await _start(self._producer)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with translated_errors(self._connection):
            await stopped_within(self._producer, _LEAVE_WITHIN)

    async def send(self, letters: Sequence[tuple[Place, DeadLetter]]) -> list[Sent]:
        """Send some inputs, in this order, all or none.

        Raises:
            ReplayError: If the brokers do not take one of them, or do not answer.
        """
        try:
            async with asyncio.timeout(_WITHIN):
                await self._producer.begin_transaction()
                waiting = [await self._put(letter) for _, letter in letters]
                done = await asyncio.gather(*waiting)
                sent = [
                    Sent(place, Position(one.topic, one.partition, one.offset))
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
        """End the transaction, as far as the brokers answer; otherwise they end it after its time."""
        with contextlib.suppress(KafkaError, IllegalOperation, TimeoutError):
            async with asyncio.timeout(_LEAVE_WITHIN):
                await self._producer.abort_transaction()

    async def _put(self, letter: DeadLetter) -> "asyncio.Future[Position]":
        original, was = letter.original, letter.position
        waiting: asyncio.Future[Position] = await self._producer.send(
            was.topic, original.value, key=original.key, partition=was.partition, headers=list(original.headers)
        )
        return waiting

    async def decide(self) -> bool | None:
        """Whether what is `undecided` was sent after all; None while the brokers do not tell."""
        try:
            async with asyncio.timeout(_WITHIN):
                await stopped_within(self._producer, _LEAVE_WITHIN)
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
        async with asyncio.timeout(_WITHIN):
            await producer.start()
    except TimeoutError as error:
        await stopped_within(producer, _LEAVE_WITHIN)
        raise KafkaTimeoutError("no transaction coordinator answers") from error
    except BaseException:
        await stopped_within(producer, _LEAVE_WITHIN)
        raise
