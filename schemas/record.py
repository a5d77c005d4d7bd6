"""Kafka records as plain values, free of any client library."""

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """What a Kafka record carries: the part that a sender chooses.

    Attributes:
        key: Raw key bytes, or None where the record has none.
        value: Raw value bytes, or None for a tombstone.
        headers: Pairs of name and raw bytes in their order on the wire; a name may occur more than once, and
            Kafka allows a name without a value (None).
        timestamp_ms: Milliseconds since the Unix epoch, or None to let the producer set it.
    """

    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record stands in Kafka: the identity of an input."""

    topic: str
    partition: int
    offset: int
