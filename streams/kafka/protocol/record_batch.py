"""How Kafka lays out what a partition holds: batches, their headers and their checksums."""

import struct
from binascii import crc32
from collections.abc import Iterator
from typing import NamedTuple

from crc32c import crc32c

#: Offset, length of what follows, leader epoch or checksum, format.
_START = struct.Struct(">qiIb")
#: Where the length begins to count.
_LENGTH_FROM = 12
#: Format 2, from the leader epoch on: checksum, attributes, last offset delta, first and last time, producer's id and
#: epoch, first sequence, records.
_REST = struct.Struct(">Ihiqqqhii")
_REST_FROM, _CHECKED_FROM = 17, 21
HEADER_BYTES = _REST_FROM + _REST.size
#: Formats 0 and 1: checksum, format, attributes; what the checksum covers begins with the format.
_OLD = struct.Struct(">Ibb")
_OLD_CHECKED_FROM = 16
_OLD_LEAST = 26
FORMAT = 2

_CODEC_BITS, _LOG_APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
#: Length of the control batch that ends a transaction.
_MARKER_BYTES = HEADER_BYTES + 17


class BatchHeader(NamedTuple):
    """What a batch says of itself; in formats 0 and 1 it says only some of it.

    Attributes:
        base_offset: Of its first record; in formats 0 and 1, where it cannot be known, that of its last one.
        last_offset: Of its last record, be it there or not.
        form: Its format, 0 to 2, or whatever else it says.
        attributes: Codec, kind of time, transactional, control.
        first_time: Milliseconds since the epoch that the records' times count from.
        last_time: The latest of them, or when the broker appended it.
        producer_id: -1 for none.
        records: How many it holds.
    """

    base_offset: int
    last_offset: int
    form: int
    attributes: int
    first_time: int = -1
    last_time: int = -1
    producer_id: int = -1
    records: int = 1

    @property
    def codec(self) -> int:
        """How it is compressed, 0 for not at all."""
        return self.attributes & _CODEC_BITS

    @property
    def appended(self) -> bool:
        """Whether the records' time is when the broker appended them."""
        return bool(self.attributes & _LOG_APPEND_TIME)

    @property
    def is_transactional(self) -> bool:
        """Whether a transaction's end decides whether it is read."""
        return self.form == FORMAT and bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Whether it holds what Kafka notes for itself, such as a transaction's end, and no records."""
        return self.form == FORMAT and bool(self.attributes & _CONTROL)


def split(data: bytes) -> Iterator[memoryview]:
    """Give the batches that a broker has sent, without what is cut short at the end or follows a nonsensical length."""
    rest = memoryview(data)
    while len(rest) >= _START.size:
        length = _LENGTH_FROM + int.from_bytes(rest[8:_LENGTH_FROM], "big", signed=True)
        if not _OLD_LEAST <= length <= len(rest):
            return
        yield rest[:length]
        rest = rest[length:]


def header_of(batch: memoryview) -> BatchHeader:
    """Read a batch's header; of a format that is not known, as if it were 2."""
    base, _, _, form = _START.unpack_from(batch)
    if form in (0, 1) or len(batch) < HEADER_BYTES:
        _, _, attributes = _OLD.unpack_from(batch, _LENGTH_FROM)
        return BatchHeader(base, base, form, attributes)
    _, attributes, last_delta, first, last, producer_id, _, _, count = _REST.unpack_from(batch, _REST_FROM)
    return BatchHeader(base, base + last_delta, form, attributes, first, last, producer_id, count)


def is_intact(batch: memoryview, header: BatchHeader) -> bool:
    """Whether a batch is as it was written, by its checksum."""
    if header.form == FORMAT:
        return len(batch) >= HEADER_BYTES and crc32c(batch[_CHECKED_FROM:]) == int.from_bytes(batch[17:21], "big")
    return crc32(batch[_OLD_CHECKED_FROM:]) == int.from_bytes(batch[12:16], "big")


def is_marker(batch: memoryview, header: BatchHeader) -> bool:
    """Whether a batch whose checksum is wrong can only have been the end of a transaction, by its kind and length."""
    return header.is_control and len(batch) == _MARKER_BYTES


def uncompressed(batch: memoryview, header: BatchHeader, records: bytes) -> bytes:
    """The same batch with its records expanded; the checksum no longer fits."""
    attributes = (header.attributes & ~_CODEC_BITS).to_bytes(2, "big", signed=True)
    return b"".join((batch[:_CHECKED_FROM], attributes, batch[_CHECKED_FROM + 2 : HEADER_BYTES], records))
