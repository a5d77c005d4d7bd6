"""What stands in a partition and cannot be handed out as a record."""

from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from schemas import Cut, Headers, Rejection
from schemas.dead_letter import NOTHING_CUT


@dataclass
class Unreadable(ConsumerRecord):  # type: ignore[misc]  # aiokafka has no types
    """A record, or several offsets of which no record can be told apart, that is refused before anybody reads it.

    As a record it has what can be had: key, value and headers of one record, with names that are not UTF-8 escaped; or
    the bytes of the whole batch as its value. Its offset is the first one that it stands for.

    Attributes:
        next_offset: The offset that follows the last one that it stands for.
        rejection: Why it is refused.
        raw_headers: The record's headers as they are laid out, from their number on, where `headers` does not say all.
        cut: Which parts of it are only their beginnings.
    """

    next_offset: int
    rejection: Rejection
    raw_headers: bytes | None = None
    cut: Cut = NOTHING_CUT


def unreadable(  # what a consumer's record needs, and the reason
    tp: TopicPartition,
    offset: int,
    rejection: Rejection,
    *,
    next_offset: int,
    key: bytes | None = None,
    value: bytes | None = None,
    headers: Headers = (),
    raw_headers: bytes | None = None,
    cut: Cut = NOTHING_CUT,
    timestamp: int = -1,
) -> Unreadable:
    """Make one.

    Args:
        tp: Where it stands.
        offset: First offset.
        rejection: Why it is refused.
        next_offset: First offset behind it.
        key: The record's key.
        value: The record's value, or the batch's bytes.
        headers: The record's headers.
        raw_headers: Their bytes.
        cut: Which parts are only their beginnings.
        timestamp: Milliseconds since the epoch, -1 for unknown.
    """
    sizes = [-1 if part is None else len(part) for part in (key, value)]
    of_record: tuple[Any, ...] = (tp.topic, tp.partition, offset, timestamp, 0, key, value, None, *sizes, headers)
    return Unreadable(*of_record, next_offset, rejection, raw_headers, cut)
