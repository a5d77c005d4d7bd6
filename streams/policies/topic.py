"""Reads the topic ``audio.policy`` completely, and writes to it so that two changes of a hotel cannot cross."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaTimeoutError, ProducerFenced

from schemas import PolicyEvent, Position, Record
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.stopping import stop_within, unless_ended
from streams.policies.history import History

_TIMEOUT = 15.0  # seconds for the brokers to answer
_FETCH_MAX_WAIT_MS = 100  # short, because the request for the end offset waits until a pending fetch is answered
_POLL_MS = 200
_LEAVE_TIMEOUT = 5.0  # seconds
_MARKERS_RETRY = 0.02  # seconds; markers take milliseconds


class PolicyReplacedError(Exception):
    """Somebody else has begun to change the hotel's policy, and nothing was written; the message is for people."""


async def read_history(connection: KafkaConnection, topic: str, *, past: Position | None = None) -> History:
    """Read the whole topic.

    Args:
        connection: The cluster.
        topic: Full name of the topic.
        past: A committed record that is read as well. Brokers answer a commit before they have written its markers, and
            until then the end for `read_committed` consumers lies before the record.

    Raises:
        aiokafka.errors.KafkaError: If no broker answers, or they refuse.
    """
    consumer = connection.consumer(
        topic,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
    )
    records = []
    try:
        await consumer.start()
        ends = await _ends(consumer, past)
        while not all([await consumer.position(partition) >= end for partition, end in ends.items()]):
            for messages in (await consumer.getmany(timeout_ms=_POLL_MS)).values():
                records += [message for message in messages if not isinstance(message, Unreadable)]
    finally:
        await consumer.stop()
    return History(
        (
            Record(message.key, message.value),
            Position(message.topic, message.partition, message.offset),
            message.timestamp,
        )
        for message in records
    )


async def _ends(consumer: AIOKafkaConsumer, past: Position | None) -> dict[TopicPartition, int]:
    """Read the end offsets, once they lie behind the record that must have been passed."""
    while True:
        ends: dict[TopicPartition, int] = await consumer.end_offsets(consumer.assignment())
        if past is None or ends[TopicPartition(past.topic, past.partition)] > past.offset:
            return ends
        await asyncio.sleep(_MARKERS_RETRY)


class PolicyWriter:
    """Writes one hotel's policy; made by `exclusively`."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer = producer
        self._topic = topic

    async def write(self, event: PolicyEvent, also: Sequence[tuple[str, Record]]) -> Position:
        """Write one event.

        Args:
            event: The new policy, or its removal.
            also: Topics and records that belong to the same transaction: the entries of the audit.

        Raises:
            PolicyReplacedError: If somebody else has begun to change the hotel's policy; nothing was written then.
            aiokafka.errors.KafkaError: If the brokers do not answer, or refuse.
        """
        try:
            return await unless_ended(self._producer, self._transaction(event.to_record(), also))
        except (ProducerFenced, IllegalOperation) as error:  # aiokafka's later calls say that there is no transaction
            raise PolicyReplacedError(
                f"somebody else is changing the policy of {event.hotel_id} at this moment: nothing was sent; see what "
                "came of it, and try again"
            ) from error

    async def _transaction(self, record: Record, also: Sequence[tuple[str, Record]]) -> Position:
        async with self._producer.transaction():
            for topic, entry in also:
                await self._producer.send(topic, entry.value, key=entry.key)
            sent = await self._producer.send_and_wait(self._topic, record.value, key=record.key)
        return Position(sent.topic, sent.partition, sent.offset)


@asynccontextmanager
async def exclusively(connection: KafkaConnection, topic: str, hotel_id: str) -> AsyncIterator[PolicyWriter]:
    """Begin to change a hotel's policy. Whoever began earlier and has not written yet, cannot write any more.

    So a policy that is read afterwards cannot change before `PolicyWriter.write`, except by other programs.

    Args:
        connection: The cluster.
        topic: Full name of the topic.
        hotel_id: The hotel.

    Raises:
        aiokafka.errors.KafkaError: If no broker answers, or they refuse.
    """
    producer = connection.producer(transactional_id=f"{topic}-{hotel_id}")
    try:
        try:
            await asyncio.wait_for(producer.start(), _TIMEOUT)
        except TimeoutError as error:
            raise KafkaTimeoutError from error
        yield PolicyWriter(producer, topic)
    finally:
        await stop_within(producer, _LEAVE_TIMEOUT)
