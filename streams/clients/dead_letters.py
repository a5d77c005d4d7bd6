"""Looks at what was refused, and sends it in again."""

from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaProducer, ConsumerRecord

from schemas import DeadLetter, Position, Rejection
from schemas.topics import DEAD_LETTER
from streams.clients.messages import record_of
from streams.protocol.every_record import EveryRecordConsumer
from streams.protocol.unreadable import Unreadable

_LARGEST_BYTES = 10 * 2**20  # of a record, and what the brokers allow for a request
_PATIENCE_MS = 2000


@dataclass(frozen=True, slots=True)
class Refused:
    """A record of the topic ``audio.dead-letter``.

    Attributes:
        partition: On that topic.
        offset: On that topic.
        letter: What it holds, or why it cannot be read.
    """

    partition: int
    offset: int
    letter: DeadLetter | Rejection


class DeadLetterReader:
    """Reads dead letters where one points, without a group and without committing anything.

    Use it as an async context manager.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        topic: Full name of the topic, with the installation's prefix.

    Raises:
        aiokafka.errors.KafkaConnectionError: On entering, if no broker answers.
    """

    def __init__(self, bootstrap_servers: str, topic: str = DEAD_LETTER) -> None:
        self._consumer = EveryRecordConsumer(
            topic,  # without a group: all partitions of it
            bootstrap_servers=bootstrap_servers,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="latest",
            max_partition_fetch_bytes=_LARGEST_BYTES,
        )

    async def __aenter__(self) -> Self:
        try:
            await self._consumer.start()
        except BaseException:
            await self._consumer.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def latest(self, count: int) -> list[Refused]:
        """The last dead letters by the time of their refusal, oldest first.

        Args:
            count: How many at most.
        """
        places = list(self._consumer.assignment())
        begins, ends = await self._consumer.beginning_offsets(places), await self._consumer.end_offsets(places)
        for place in places:  # each may be alone in its transaction, whose end takes an offset as well
            self._consumer.seek(place, max(begins[place], ends[place] - 2 * count))
        found: list[tuple[int, Refused]] = []
        while any([await self._consumer.position(place) < ends[place] for place in places]):
            batches = await self._consumer.getmany(timeout_ms=_PATIENCE_MS)
            found += [(record.timestamp, _refused(record)) for records in batches.values() for record in records]
            found = sorted(found, key=_time)[-count:]
        return [refused for _, refused in found]

    async def one(self, partition: int, offset: int) -> Refused | None:
        """The dead letter at a place; None where there is none."""
        place = next((place for place in self._consumer.assignment() if place.partition == partition), None)
        if place is None:
            return None
        begins, ends = await self._consumer.beginning_offsets([place]), await self._consumer.end_offsets([place])
        if not begins[place] <= offset < ends[place]:
            return None
        self._consumer.seek(place, offset)
        batches = await self._consumer.getmany(place, timeout_ms=_PATIENCE_MS, max_records=1)
        records = [record for record in batches.get(place, ()) if record.offset == offset]
        return _refused(records[0]) if records else None


async def send_again(bootstrap_servers: str, letters: Iterable[DeadLetter]) -> list[Position]:
    """Send refused inputs to where they came from, exactly as they came, but with the time of now.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        letters: What to send, in this order.

    Returns:
        Where each stands now.

    Raises:
        aiokafka.errors.KafkaError: If the brokers do not take one of them.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers, acks="all", enable_idempotence=True, max_request_size=_LARGEST_BYTES
    )
    await producer.start()
    try:
        sent = []
        for letter in letters:
            original, was = letter.original, letter.position
            done = await producer.send_and_wait(
                was.topic, original.value, key=original.key, partition=was.partition, headers=list(original.headers)
            )
            sent.append(Position(done.topic, done.partition, done.offset))
        return sent
    finally:
        await producer.stop()


def _time(found: tuple[int, Refused]) -> int:
    return found[0]


def _refused(message: ConsumerRecord) -> Refused:
    letter = message.rejection if isinstance(message, Unreadable) else DeadLetter.from_record(record_of(message))
    return Refused(message.partition, message.offset, letter)
