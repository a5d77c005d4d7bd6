"""The binary layout of Kafka's record batches: splitting, headers and checksums."""

import struct
from binascii import crc32
from collections.abc import Iterator
from typing import NamedTuple

from crc32c import crc32c

#: Offset, length of the following bytes, leader epoch or checksum, format.
_START = struct.Struct(">qiIb")
#: Position from which the length counts.
_LENGTH_FROM = 12
#: Format 2, after the format: checksum, attributes, last offset delta, first and last time, producer id and epoch,
#: first sequence number, number of records.
_REST = struct.Struct(">Ihiqqqhii")
_REST_FROM, _CHECKED_FROM = 17, 21
HEADER_BYTES = _REST_FROM + _REST.size
#: Formats 0 and 1: checksum, format, attributes; the checksum covers the bytes from the format on.
_OLD = struct.Struct(">Ibb")
_OLD_CHECKED_FROM = 16
_OLD_LEAST = 26
FORMAT = 2

_CODEC_BITS, _LOG_APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20
#: Length of the control batch that ends a transaction.
_MARKER_BYTES = HEADER_BYTES + 17


class BatchHeader(NamedTuple):
    """The header of a record batch; formats 0 and 1 have only some of the fields.

    Attributes:
        base_offset: Offset of its first record; in formats 0 and 1, where this is unknown, that of its last record.
        last_offset: Offset of its last record, which compaction may have removed.
        form: Its format, 0 to 2, or an unknown one.
        attributes: Bits for codec, kind of time, transactional, control.
        first_time: Milliseconds since the epoch to which the records' times are relative.
        last_time: The latest record time, or the broker's append time, in milliseconds since the epoch.
        producer_id: The producer id, -1 for none.
        records: Number of records.
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
        """Kafka's number of the compression codec, 0 for none."""
        return self.attributes & _CODEC_BITS

    @property
    def appended(self) -> bool:
        """Whether the records have the broker's append time."""
        return bool(self.attributes & _LOG_APPEND_TIME)

    @property
    def is_transactional(self) -> bool:
        """Whether the batch belongs to a transaction."""
        return self.form == FORMAT and bool(self.attributes & _TRANSACTIONAL)

    @property
    def is_control(self) -> bool:
        """Whether it is a control batch, such as a transaction marker, without records."""
        return self.form == FORMAT and bool(self.attributes & _CONTROL)


def split(data: bytes) -> Iterator[memoryview]:
    """Split a record set into batches; an incomplete last batch, and all after an impossible length, is left out."""
    rest = memoryview(data)
    while len(rest) >= _START.size:
        length = _LENGTH_FROM + int.from_bytes(rest[8:_LENGTH_FROM], "big", signed=True)
        if not _OLD_LEAST <= length <= len(rest):
            return
        yield rest[:length]
        rest = rest[length:]


def header_of(batch: memoryview) -> BatchHeader:
    """Parse a batch's header; an unknown format is parsed as format 2."""
    base, _, _, form = _START.unpack_from(batch)
    if form in (0, 1) or len(batch) < HEADER_BYTES:
        _, _, attributes = _OLD.unpack_from(batch, _LENGTH_FROM)
        return BatchHeader(base, base, form, attributes)
    _, attributes, last_delta, first, last, producer_id, _, _, count = _REST.unpack_from(batch, _REST_FROM)
    return BatchHeader(base, base + last_delta, form, attributes, first, last, producer_id, count)


def is_intact(batch: memoryview, header: BatchHeader) -> bool:
    """Whether a batch matches its checksum."""
    if header.form == FORMAT:
        return len(batch) >= HEADER_BYTES and crc32c(batch[_CHECKED_FROM:]) == int.from_bytes(batch[17:21], "big")
    return crc32(batch[_OLD_CHECKED_FROM:]) == int.from_bytes(batch[12:16], "big")


def is_marker(batch: memoryview, header: BatchHeader) -> bool:
    """Whether a batch, by its kind and length, is a transaction marker; for batches with a wrong checksum."""
    return header.is_control and len(batch) == _MARKER_BYTES


def uncompressed(batch: memoryview, header: BatchHeader, records: bytes) -> bytes:
    """The same batch with uncompressed records; the checksum is not updated."""
    attributes = (header.attributes & ~_CODEC_BITS).to_bytes(2, "big", signed=True)
    return b"".join((batch[:_CHECKED_FROM], attributes, batch[_CHECKED_FROM + 2 : HEADER_BYTES], records))
