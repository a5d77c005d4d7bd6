"""The inputs that the bench sends and the records that it reads, in terms of Kafka and the contract."""

from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import ConsumerRecord

from tests.chaos.sounds import Sample

Headers = tuple[tuple[str, bytes | None], ...]

RAW = "audio.raw"
COMPRESSED = "audio.compressed"
DEAD_LETTER = "audio.dead-letter"
POLICY = "audio.policy"
KEYS = "audio.keys"
CACHE_CHANGELOG = "audio-cache-changelog"
#: Kafka's topic of committed offsets; `infra/kafka/broker.properties` gives it ``PARTITIONS`` partitions.
OFFSETS = "__consumer_offsets"
PARTITIONS = 8

#: The header that identifies an input; the contract ignores unknown headers.
NUMBER = "x-bench-number"
ERROR_PREFIX = "__connect.errors."


class Place(NamedTuple):
    """The position of an input in ``audio.raw``."""

    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Message:
    """A record to be sent."""

    key: bytes | None
    value: bytes | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class PlannedInput:
    """One input to be sent.

    Attributes:
        number: Unique in a bench, but equal for both copies of an input that is sent twice.
        message: The record.
        call_id: Its call.
        sequence: Its number within the call.
        channel: Its audio channel.
        hotel: Its hotel.
        sample: The audio inside, or None when the input is bad.
        bad: The kind of bad input, or None.
        code: The expected code of the dead letter, if known.
        skew_ms: Error of its timestamp in milliseconds.
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
class SentInput:
    """An input that was sent.

    Attributes:
        planned: The input.
        timestamp: The record's, in milliseconds since the epoch.
        at: Monotonic seconds of sending.
    """

    planned: PlannedInput
    timestamp: int
    at: float


@dataclass(frozen=True, slots=True)
class ObservedRecord:
    """A record that was read; ``timestamp`` in milliseconds since the epoch."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int

    @classmethod
    def of(cls, record: ConsumerRecord) -> "ObservedRecord":
        """Convert the client's record."""
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
        """The position of this outcome's input, by its headers; None if they have none."""
        start = ERROR_PREFIX if self.header(f"{ERROR_PREFIX}offset") is not None else "ce_source"
        partition, offset = self.header(f"{start}partition"), self.header(f"{start}offset")
        if partition is None or offset is None or not (partition.isdigit() and offset.isdigit()):
            return None
        return Place(int(partition), int(offset))
