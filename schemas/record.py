"""Kafka records as plain values, independent of any client library."""

from dataclasses import dataclass
from typing import NamedTuple

Headers = tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class Record:
    """The parts of a Kafka record that its sender sets.

    Attributes:
        key: Raw key bytes, or None if the record has no key.
        value: Raw value bytes, or None for a tombstone.
        headers: Pairs of name and raw bytes in the order of the record. A name may occur more than once, and Kafka
            allows a name without a value (None).
        timestamp_ms: Milliseconds since the Unix epoch, or None to let producer or broker set it.
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
    """Topic, partition and offset of a record: the identity of an input record."""

    topic: str
    partition: int
    offset: int
