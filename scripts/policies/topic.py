"""Reads the topic ``audio.policy`` completely, and writes to it so that two commands cannot cross each other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaTimeoutError, ProducerFenced

from schemas import PolicyEvent, Position, Record
from schemas.topics import AUDIT, POLICY
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError
from scripts.policies.history import History
from streams.kafka.protocol.unreadable import Unreadable
from streams.kafka.stopping import stop_within

_TIMEOUT = 15.0  # seconds for the brokers to answer
_FETCH_MAX_WAIT_MS = 100  # short, because the request for the end offset waits until a pending fetch is answered
_POLL_MS = 200
_LEAVE_TIMEOUT = 5.0  # seconds
_MARKERS_RETRY = 0.02  # seconds; markers take milliseconds


async def read_policies(cluster: Cluster, *, past: Position | None = None) -> History:
    """Read the whole topic.

    Args:
        cluster: The cluster to read from.
        past: A committed record that is read as well. Brokers answer a commit before they have written its markers, and
            until then the end for `read_committed` consumers lies before the record.

    Raises:
        CommandError: If no broker answers.
        TopicError: If there is no such topic.
    """
    await cluster.check([POLICY])
    consumer = cluster.connection.consumer(
        cluster.topic(POLICY),
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
    )
    records = []
    await consumer.start()
    try:
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
    """Writes one hotel's policy, and in the same transaction an entry of the audit; made by `exclusively`."""

    def __init__(self, producer: AIOKafkaProducer, topic: str, audit: Audit) -> None:
        self._producer = producer
        self._topic = topic
        self._audit = audit

    async def write(self, event: PolicyEvent) -> Position:
        """Write one event.

        Raises:
            CommandError: If another command has begun to change the hotel's policy; nothing was written then.
        """
        record = event.to_record()
        action = "policy-remove" if event.policy is None else "policy-set"
        try:
            async with self._producer.transaction():
                for entry in self._audit.records(action, [f"hotel:{event.hotel_id}"]):
                    await self._producer.send(self._audit.topic, entry.value, key=entry.key)
                sent = await self._producer.send_and_wait(self._topic, record.value, key=record.key)
        except ProducerFenced as error:
            hotel = event.hotel_id
            raise CommandError(
                f"somebody else is changing the policy of {hotel} at this moment: nothing was sent; see with show what "
                "came of it, and try again"
            ) from error
        return Position(sent.topic, sent.partition, sent.offset)


@asynccontextmanager
async def exclusively(cluster: Cluster, hotel_id: str) -> AsyncIterator[PolicyWriter]:
    """Begin to change a hotel's policy. Whoever began earlier and has not written yet, cannot write any more.

    So a policy that is read afterwards cannot change before `PolicyWriter.write`, except by other programs.

    Raises:
        CommandError: If no broker answers.
        TopicError: If there is no such topic.
    """
    await cluster.check([POLICY, AUDIT])
    topic = cluster.topic(POLICY)
    producer = cluster.connection.producer(transactional_id=f"{topic}-{hotel_id}")
    try:
        try:
            await asyncio.wait_for(producer.start(), _TIMEOUT)
        except TimeoutError as error:
            raise KafkaTimeoutError from error
        yield PolicyWriter(producer, topic, Audit(cluster))
    finally:
        await stop_within(producer, _LEAVE_TIMEOUT)
