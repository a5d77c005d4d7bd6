"""How many bytes a record takes in Kafka's record format, version 2."""

from collections.abc import Iterable

from schemas.record import Headers, Record

#: What stands before the records of a batch. The limit ``max.message.bytes`` holds for the batch, this included.
BATCH_OVERHEAD = 61
#: Attributes, and the differences of timestamp and offset from the batch's first record, which are 0.
_FIRST_RECORD_OVERHEAD = 3


def batch_bytes(record: Record) -> int:
    """Bytes of an uncompressed batch that holds this record alone: what a topic's ``max.message.bytes`` limits."""
    body = (
        _FIRST_RECORD_OVERHEAD
        + _with_length(record.key)
        + _with_length(record.value)
        + _varint(len(record.headers))
        + header_bytes(record.headers)
    )
    return BATCH_OVERHEAD + _varint(body) + body


def header_bytes(headers: Headers) -> int:
    """Bytes of headers, without their number."""
    return sum(one_header_bytes(name, value) for name, value in headers)


def one_header_bytes(name: str, value: bytes | None) -> int:
    """Bytes of one header."""
    return _with_length(name.encode()) + _with_length(value)


def leading(headers: Iterable[tuple[str, bytes | None]], most: int) -> Headers:
    """As many of the first headers as take ``most`` bytes together."""
    kept, size = [], 0
    for name, value in headers:
        size += one_header_bytes(name, value)
        if size > most:
            break
        kept.append((name, value))
    return tuple(kept)


def _with_length(data: bytes | None) -> int:
    return 1 if data is None else _varint(len(data)) + len(data)


def _varint(number: int) -> int:
    """Bytes of a number that is not negative, zigzag-encoded in groups of seven bits."""
    return max(1, -(-(2 * number).bit_length() // 7))
