"""A substitute for records of a partition that cannot be read."""

from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition

from schemas import Cut, Headers, Rejection
from schemas.dead_letter import NOTHING_CUT


@dataclass
class Unreadable(ConsumerRecord):  # type: ignore[misc]  # aiokafka has no types
    """A record that cannot be read, or a range of offsets whose records cannot be separated, with a `Rejection`.

    Its fields hold what is known: key, value and headers of one record, with header names that are not UTF-8 escaped;
    or the bytes of the whole batch as the value. Its offset is the first one of the range.

    Attributes:
        next_offset: The offset after the range.
        rejection: Why it cannot be read.
        raw_headers: The encoded headers of the record, from their number on, when `headers` is incomplete.
        cut: Which parts are truncated.
    """

    next_offset: int
    rejection: Rejection
    raw_headers: bytes | None = None
    cut: Cut = NOTHING_CUT


def unreadable(
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
    """Create an `Unreadable`.

    Args:
        tp: The partition.
        offset: First offset of the range.
        rejection: Why it cannot be read.
        next_offset: The offset after the range.
        key: The record's key.
        value: The record's value, or the batch's bytes.
        headers: The record's headers.
        raw_headers: The encoded headers.
        cut: Which parts are truncated.
        timestamp: Milliseconds since the epoch, -1 for unknown.
    """
    sizes = [-1 if part is None else len(part) for part in (key, value)]
    of_record: tuple[Any, ...] = (tp.topic, tp.partition, offset, timestamp, 0, key, value, None, *sizes, headers)
    return Unreadable(*of_record, next_offset, rejection, raw_headers, cut)
