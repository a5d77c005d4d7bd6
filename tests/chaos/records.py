"""What the bench sends and what it reads, in the words of Kafka and of the contract alone."""

from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import ConsumerRecord

from tests.chaos.sounds import Sample

Headers = tuple[tuple[str, bytes | None], ...]

RAW = "audio.raw"
COMPRESSED = "audio.compressed"
DEAD_LETTER = "audio.dead-letter"
POLICY = "audio.policy"
CACHE_CHANGELOG = "audio-cache-changelog"
#: Kafka's own, of groups' offsets; the bench's brokers have as many partitions of it (`infra/kafka/broker.properties`).
OFFSETS = "__consumer_offsets"
PARTITIONS = 8

#: The header by which an input is known again wherever it turns up; the contract ignores what it does not know.
NUMBER = "x-bench-number"
ERROR_PREFIX = "__connect.errors."


class Place(NamedTuple):
    """Where an input stands in ``audio.raw``."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Message:
    """A record on its way into Kafka."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Planned:
    """One input to be sent.

    Attributes:
        number: Unique in a bench, except that an input that is sent twice keeps it.
        message: What goes on the wire.
        call_id: Its call.
        sequence: Its number within the call.
        channel: Whose voice it is.
        hotel: Whose rules apply.
        sample: The audio inside, or None when the input is bad.
        bad: What is wrong with it, or None.
        code: Which dead letter that has to give, where it is known.
        skew_ms: By how many milliseconds its timestamp is wrong.
    """

    number: int
    message: Message
    call_id: str
    sequence: int
    channel: str
    hotel: str
    sample: Sample | None
    bad: str | None = None
    code: str | None = None
    skew_ms: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """An input that was handed to the brokers.

    Attributes:
        planned: The input.
        timestamp: The record's, in milliseconds since the epoch.
        at: When it was handed over, in monotonic seconds.
    """

    planned: Planned
    timestamp: int
    at: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A record that was read; ``timestamp`` in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int

    @classmethod
    def of(cls, record: ConsumerRecord) -> "Seen":
        """Take what matters from the client's record."""
        return cls(
            record.topic,
            record.partition,
            record.offset,
            record.key,
            record.value,
            tuple(record.headers),
            record.timestamp,
        )

    def header(self, name: str) -> str | None:
        """The last value of a header as text; None where there is none."""
        for found, value in reversed(self.headers):
            if found == name:
                return None if value is None else value.decode("utf-8", "replace")
        return None

    @property
    def place(self) -> Place | None:
        """The place of the input that this is an outcome of, by its own headers; None where they name none."""
        start = ERROR_PREFIX if self.header(f"{ERROR_PREFIX}offset") is not None else "ce_source"
        partition, offset = self.header(f"{start}partition"), self.header(f"{start}offset")
        if partition is None or offset is None or not (partition.isdigit() and offset.isdigit()):
            return None
        return Place(int(partition), int(offset))
