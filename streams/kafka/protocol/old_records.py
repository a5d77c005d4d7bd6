"""Parser for records of formats 0 and 1, written before Kafka 0.11; brokers accept no new ones since 4.0."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from streams.kafka.protocol.decompression import DecompressionError, decompressed
from streams.kafka.protocol.record_batch import BatchHeader
from streams.kafka.protocol.record_reader import BrokenRecordsError
from streams.kafka.protocol.tolerant_parser import unreadable_batch

#: Limit for the uncompressed bytes of a record set; the brokers of that time allowed a million.
_LARGEST_SET = 32 * 2**20
#: Offset, length of what follows, checksum, format, attributes.
_HEAD = struct.Struct(">qiIbb")
_LENGTH_FROM = 12
_TIME = struct.Struct(">q")
_SIZE = struct.Struct(">i")


class _Message(NamedTuple):
    offset: int
    time: int
    key: bytes | None
    value: bytes | None


def old_records(tp: TopicPartition, batch: memoryview, header: BatchHeader, position: int) -> Iterator[ConsumerRecord]:
    """Yield the records of one batch from an offset on, or one `Unreadable` in place of all of them.

    Args:
        tp: The batch's partition.
        batch: One record, or a compressed set of records.
        header: Its parsed header; the checksum was verified.
        position: The first offset to yield.
    """
    try:
        messages = list(_messages(batch, header))
        if messages[-1].offset != header.last_offset:
            raise BrokenRecordsError(f"the last record has offset {messages[-1].offset}")  # noqa: TRY301
    except (BrokenRecordsError, DecompressionError, struct.error) as error:
        yield unreadable_batch(tp, position, header.last_offset, str(error), batch)
        return
    for message in messages:
        if message.offset >= position:
            position = message.offset + 1
            sizes = [-1 if part is None else len(part) for part in (message.key, message.value)]
            yield ConsumerRecord(*tp, message.offset, message.time, 0, message.key, message.value, None, *sizes, ())


def _messages(batch: memoryview, header: BatchHeader) -> Iterator[_Message]:
    alone = _message(batch)
    if not header.codec:
        yield alone
        return
    if alone.value is None:
        raise BrokenRecordsError("it is compressed and has no value")
    data = bytearray()
    for piece in decompressed(header.codec, memoryview(alone.value)):
        data += piece
        if len(data) > _LARGEST_SET:
            raise BrokenRecordsError(f"it expands to more than {_LARGEST_SET} bytes")
    inner = [_message(part) for part in _parts(memoryview(data))]
    if not inner:
        raise BrokenRecordsError("it is compressed and holds no records")
    # In format 1, offsets are relative within the set, and the set's own offset is that of its last record.
    shift = header.last_offset - inner[-1].offset if header.form else 0
    for message in inner:
        yield message._replace(offset=message.offset + shift, time=alone.time if header.appended else message.time)


def _parts(data: memoryview) -> Iterator[memoryview]:
    while data:
        (size,) = _SIZE.unpack_from(data, _LENGTH_FROM - _SIZE.size)
        if not _HEAD.size - _LENGTH_FROM <= size <= len(data) - _LENGTH_FROM:
            raise BrokenRecordsError(f"a record is said to have {size} bytes")
        yield data[: _LENGTH_FROM + size]
        data = data[_LENGTH_FROM + size :]


def _message(data: memoryview) -> _Message:
    offset, _, _, form, _ = _HEAD.unpack_from(data)
    rest, time = data[_HEAD.size :], -1
    if form:
        (time,) = _TIME.unpack_from(rest)
        rest = rest[_TIME.size :]
    key, rest = _sized(rest)
    value, rest = _sized(rest)
    if rest:
        raise BrokenRecordsError("more follows after a record's value")
    return _Message(offset, time, key, value)


def _sized(data: memoryview) -> tuple[bytes | None, memoryview]:
    (size,) = _SIZE.unpack_from(data)
    rest = data[_SIZE.size :]
    if size < 0:
        return None, rest
    if size > len(rest):
        raise BrokenRecordsError(f"{size} bytes are announced and {len(rest)} are there")
    return bytes(rest[:size]), rest[size:]
