"""Records for `audio.raw`, made of segments, and a hidden backlog of them on a topic."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from confluent_kafka import KafkaError, KafkaException, Producer

from schemas import RawAudio
from schemas.headers import CAUSATION_ID, ID
from scripts.benchmarks.streaming.coding import ENCODER_HEADER, describe
from scripts.benchmarks.streaming.speech import MEDIA_TYPE, Segment

CALLS = 64
"""Simultaneous calls: enough to load each of 8 partitions equally."""

NOT_COUNTED = 10**9
"""From this number on, records are none of those whose results are timed."""

#: Log level of librdkafka: errors that matter are raised, and brokers that have stopped need no log line.
QUIET = 2
#: Longest transaction timeout that brokers allow by default, in milliseconds.
_TRANSACTION_MS = 900_000
_WAIT_S = 60.0
_FULL_S = 0.05


@dataclass(frozen=True, slots=True)
class Message:
    """One record in the form of librdkafka's producer.

    Attributes:
        key: The call.
        value: The audio.
        headers: Those of the contract, and the encoder for the peers.
    """

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes | None]]


def messages(segments: Sequence[Segment], level: str, first: int, count: int, calls: int = CALLS) -> Iterator[Message]:
    """Records with the numbers from `first` on, which repeat the segments.

    Args:
        segments: The audio of calls.
        level: Name of the level at which peers encode them.
        first: Number of the first record; numbers are the records' ids.
        count: Number of records.
        calls: Number of calls, which take turns.
    """
    for number in range(first, first + count):
        segment = segments[number % len(segments)]
        event = RawAudio(
            id=str(number),
            source="urn:bench",
            hotel_id="bench",
            call_id=f"call-{number % calls}",
            media_type=MEDIA_TYPE,
            audio=segment.audio,
            channel="guest",  # never cached
            sequence=number // calls,
        )
        record = event.to_record()
        headers = [*record.headers, (ENCODER_HEADER, describe(segment.encoders[level]))]
        yield Message(event.call_id.encode(), segment.audio, headers)


@dataclass(frozen=True, slots=True)
class Traffic:
    """The source of a run's records.

    Attributes:
        segments: The audio of calls.
        level: Name of the level at which peers encode them.
        calls: Number of simultaneous calls.
        partitions: Number of partitions of the topic.
    """

    segments: Sequence[Segment]
    level: str
    calls: int
    partitions: int

    def messages(self, first: int, count: int) -> Iterator[Message]:
        """Records with the numbers from `first` on."""
        return messages(self.segments, self.level, first, count, self.calls)


def number_of(headers: Iterable[tuple[str, bytes | None]]) -> int:
    """Number of a record, from its headers or from those of its result."""
    named = dict(headers)
    return int(named.get(CAUSATION_ID) or named.get(ID) or b"")


def partition_of(key: bytes, partitions: int) -> int:
    """Partition of a call's records: round robin over the calls, so that the partitions are loaded equally."""
    return int(key.rpartition(b"-")[2]) % partitions


class Backlog:
    """Records in an open transaction on a topic, which ``read_committed`` readers do not see yet.

    All become visible together, after a system has started, owns its partitions and has warmed up.

    Args:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        topic: Full name of the topic.
        partitions: Its number of partitions; a call's records all go to one of them.
    """

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self._topic = topic
        self._partitions = partitions
        self._refused: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "transactional.id": f"{topic}-backlog",
                "transaction.timeout.ms": _TRANSACTION_MS,
                "message.max.bytes": 10 * 2**20,
                "batch.size": 2**20,
                "linger.ms": 20,
                # With more, librdkafka lost the first batch of a partition of a new topic once in ten times, though
                # it was acknowledged. Presumably a leader that did not know the topic yet refused it, and it was sent
                # again after the second one, where it counts as a duplicate.
                "max.in.flight": 1,
                "log_level": QUIET,
            }
        )
        self._producer.init_transactions(_WAIT_S)

    def put(self, records: Iterable[Message]) -> None:
        """Write records in the open transaction, and wait until the brokers have acknowledged them.

        Raises:
            KafkaException: If they refuse them.
        """
        self._producer.begin_transaction()
        for record in records:
            self._produce(record)
        if self._producer.flush(_WAIT_S):
            self._refused.append(KafkaError(KafkaError._MSG_TIMED_OUT))  # noqa: SLF001  that is its public name
        if self._refused:
            raise KafkaException(self._refused[0])

    def release(self) -> None:
        """Commit the transaction, so that the records become visible; more can be written afterwards."""
        self._producer.commit_transaction(_WAIT_S)

    def _produce(self, record: Message) -> None:
        partition = partition_of(record.key, self._partitions)
        while True:
            try:
                self._producer.produce(
                    self._topic,
                    record.value,
                    record.key,
                    partition=partition,
                    headers=record.headers,
                    on_delivery=self._delivered,
                )
            except BufferError:
                self._producer.poll(_FULL_S)
            else:
                self._producer.poll(0)
                return

    def _delivered(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self._refused.append(error)
