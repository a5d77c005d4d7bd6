"""Size of a record in Kafka's record format, version 2, in bytes."""

from collections.abc import Iterable

from schemas.record import Headers, Record

#: Bytes of a batch's header. The limit ``max.message.bytes`` applies to the batch including this header.
BATCH_OVERHEAD = 61
#: Bytes of attributes, timestamp delta and offset delta; the deltas of the first record are 0.
_FIRST_RECORD_OVERHEAD = 3


def batch_bytes(record: Record) -> int:
    """Size of an uncompressed batch with this record alone, which a topic's ``max.message.bytes`` limits."""
    body = (
        _FIRST_RECORD_OVERHEAD
        + _with_length(record.key)
        + _with_length(record.value)
        + _varint(len(record.headers))
        + header_bytes(record.headers)
    )
    return BATCH_OVERHEAD + _varint(body) + body


def header_bytes(headers: Headers) -> int:
    """Size of the headers, without their count."""
    return sum(one_header_bytes(name, value) for name, value in headers)


def one_header_bytes(name: str, value: bytes | None) -> int:
    """Size of one header."""
    return _with_length(name.encode()) + _with_length(value)


def leading(headers: Iterable[tuple[str, bytes | None]], most: int) -> Headers:
    """The first headers, as many as fit into ``most`` bytes."""
    fitting, size = [], 0
    for name, value in headers:
        size += one_header_bytes(name, value)
        if size > most:
            break
        fitting.append((name, value))
    return tuple(fitting)


def _with_length(data: bytes | None) -> int:
    return 1 if data is None else _varint(len(data)) + len(data)


def _varint(number: int) -> int:
    """Size of a number of 0 or more as a zigzag-encoded varint (groups of seven bits)."""
    return max(1, -(-(2 * number).bit_length() // 7))
