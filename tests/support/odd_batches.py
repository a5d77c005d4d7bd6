"""Record batches that no client library writes: built byte by byte, so that any field may be wrong.

It implements Kafka's format without the product's code.
"""

import asyncio
import gzip
import struct
import time
from binascii import crc32
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import cramjam
import lz4.frame
import zstandard
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NotLeaderForPartitionError, for_code
from aiokafka.protocol.produce import ProduceRequest
from crc32c import crc32c

Codec = Literal["none", "gzip", "snappy", "raw-snappy", "lz4", "zstd"]
RawHeaders = Sequence[tuple[bytes, bytes | None]]
Odd = Callable[[bytes, bytes, RawHeaders], bytes]

TIMESTAMP_MS = 1_790_000_000_000
#: Bits of a batch's attributes.
LOG_APPEND_TIME, TRANSACTIONAL, CONTROL = 0x08, 0x10, 0x20

_CODES: Mapping[Codec, int] = {"none": 0, "gzip": 1, "snappy": 2, "raw-snappy": 2, "lz4": 3, "zstd": 4}
#: Attributes, last offset delta, first and last time, producer's id and epoch, first sequence, number of records.
_CHECKED = struct.Struct(">hiqqqhii")
#: Offset, length of what follows, leader epoch, format, checksum.
_HEAD = struct.Struct(">qiibI")
_LENGTH_FROM = 12
_XERIAL = b"\x82SNAPPY\0" + struct.pack(">ii", 1, 1)
_XERIAL_BLOCK = 32 * 1024
#: Size of a batch in bytes up to which every padding is tried.
_SMALL = 2000
#: Seconds until a new partition has a leader.
_LED_WITHIN = 10.0


def varint(number: int) -> bytes:
    """A signed number in Kafka's encoding: zigzag, seven bits a byte."""
    left = (number << 1) ^ (number >> 63)
    left &= (1 << 64) - 1
    out = bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    out.append(left)
    return bytes(out)


def sized(data: bytes | None) -> bytes:
    """Bytes after their length; -1 for None."""
    return varint(-1) if data is None else varint(len(data)) + data


def record(
    delta: int,
    key: bytes | None = b"call",
    value: bytes | None = b"value",
    headers: RawHeaders = (),
    *,
    time_delta: int = 0,
    length: int | None = None,
    header_count: int | None = None,
) -> bytes:
    """One record of format 2.

    Args:
        delta: Its offset relative to the batch's.
        key: Its key.
        value: Its value.
        headers: Names as bytes, which need not be UTF-8.
        time_delta: Its time in milliseconds relative to the batch's.
        length: A wrong length to write, or None.
        header_count: A wrong number of headers to write, or None.
    """
    body = b"\0" + varint(time_delta) + varint(delta) + sized(key) + sized(value)
    body += varint(len(headers) if header_count is None else header_count)
    body += b"".join(sized(name) + sized(content) for name, content in headers)
    return varint(len(body) if length is None else length) + body


def compressed(data: bytes, codec: Codec) -> bytes:
    """Compress as clients do: ``snappy`` in Java's blocks, ``raw-snappy`` in one piece as librdkafka does."""
    match codec:
        case "none":
            return data
        case "gzip":
            return gzip.compress(data)
        case "raw-snappy":
            return bytes(cramjam.snappy.compress_raw(data))
        case "snappy":
            parts = (data[at : at + _XERIAL_BLOCK] for at in range(0, len(data), _XERIAL_BLOCK))
            blocks = (bytes(cramjam.snappy.compress_raw(part)) for part in parts)
            return _XERIAL + b"".join(struct.pack(">i", len(block)) + block for block in blocks)
        case "lz4":
            return bytes(lz4.frame.compress(data))
        case "zstd":
            return zstandard.compress(data)


def batch(
    records: Sequence[bytes],
    *,
    codec: Codec = "none",
    base_offset: int = 0,
    attributes: int = 0,
    producer: tuple[int, int, int] = (-1, -1, -1),
    count: int | None = None,
    last_delta: int | None = None,
    body: bytes | None = None,
    checksum: int | None = None,
    magic: int = 2,
) -> bytes:
    """One batch of format 2.

    Args:
        records: Records from `record`.
        codec: Compression codec.
        base_offset: Offset of the first one; brokers set it themselves.
        attributes: Further attribute bits.
        producer: Its id, its epoch and the first sequence number.
        count: A wrong number of records to write, or None.
        last_delta: A wrong last offset delta to write, or None.
        body: Bytes in place of the compressed records.
        checksum: A value in place of the right checksum.
        magic: The format version to write.
    """
    checked = _CHECKED.pack(
        attributes | _CODES[codec],
        len(records) - 1 if last_delta is None else last_delta,
        TIMESTAMP_MS,
        TIMESTAMP_MS,
        *producer,
        len(records) if count is None else count,
    ) + (compressed(b"".join(records), codec) if body is None else body)
    right = crc32c(checked) if checksum is None else checksum
    return _HEAD.pack(base_offset, _HEAD.size - _LENGTH_FROM + len(checked), -1, magic, right) + checked


def marker(base_offset: int, producer: tuple[int, int], *, committed: bool, coordinator_epoch: int = 0) -> bytes:
    """The control batch that ends a transaction."""
    key, value = struct.pack(">hh", 0, int(committed)), struct.pack(">hi", 0, coordinator_epoch)
    return batch(
        [record(0, key, value)],
        base_offset=base_offset,
        attributes=TRANSACTIONAL | CONTROL,
        producer=(*producer, -1),
    )


def message(offset: int, key: bytes | None, value: bytes | None, *, magic: int = 1, attributes: int = 0) -> bytes:
    """One record of format 0 or 1, as segments from before Kafka 0.11 hold them."""
    content = struct.pack(">bb", magic, attributes) + (struct.pack(">q", TIMESTAMP_MS) if magic else b"")
    for part in (key, value):
        content += struct.pack(">i", -1) if part is None else struct.pack(">i", len(part)) + part
    return struct.pack(">qiI", offset, 4 + len(content), crc32(content)) + content


def message_set(offset: int, messages: Sequence[tuple[bytes | None, bytes | None]], codec: Codec) -> bytes:
    """Records of format 1 that are compressed together; ``offset`` is that of the last one."""
    inner = b"".join(message(delta, key, value) for delta, (key, value) in enumerate(messages))
    return message(offset, None, compressed(inner, codec), attributes=_CODES[codec])


def _alone(**lies: Any) -> Odd:
    """One record, in a batch with a wrong field."""
    return lambda key, value, headers: batch([record(0, key, value, headers)], **lies)


def _inconsistent_record(**lies: Any) -> Odd:
    """One record with a wrong field, in a correct batch."""
    return lambda key, value, headers: batch([record(0, key, value, headers, **lies)])


def _three(*, codec: Codec = "none", name: bytes = b"ce_odd", **lies: Any) -> Odd:
    """Three records, of which the middle one has one more header."""

    def make(key: bytes, value: bytes, headers: RawHeaders) -> bytes:
        extra = ((), ((name, b"1"),), ())
        records = [record(n, key, value, [*headers, *more]) for n, more in enumerate(extra)]
        return batch(records, codec=codec, **lies)

    return make


#: Faults of a batch with a correct checksum: each function makes such a batch of records like the given one.
ODD: Mapping[str, Odd] = {
    "header-name": _three(name=b"caf\xe9"),
    "header-name-lz4": _three(name=b"caf\xe9", codec="lz4"),
    "twice-one-offset": lambda key, value, headers: batch([record(n // 2, key, value, headers) for n in range(3)]),
    "garbage-gzip": _alone(codec="gzip", body=b"\x1f\x8b" + b"no gzip" * 5),
    "garbage-snappy": _alone(codec="snappy", body=b"\xff\xff" + b"no snappy" * 5),
    "garbage-lz4": _alone(codec="lz4", body=b"no lz4" * 5),
    "garbage-zstd": _alone(codec="zstd", body=b"no zstd" * 5),
    "unknown-codec": _alone(attributes=0x07),
    "long-length": _inconsistent_record(length=1 << 30),
    "short-length": _inconsistent_record(length=3),
    "negative-length": _inconsistent_record(length=-5),
    "many-headers": _inconsistent_record(header_count=1 << 30),
    "count-above": _three(count=7),
    "count-below": _three(count=1),
    "no-offsets-left": _three(count=3, last_delta=1),
}
#: Faults that brokers accept from a producer (Kafka 4.1.1). The others can only be written to a broker's disk.
TAKEN = ("header-name", "header-name-lz4", "twice-one-offset")


def placeholder(size: int, offsets: int) -> bytes:
    """A valid batch of this size and number of offsets, to be replaced with `overwrite_batch`.

    Raises:
        ValueError: If no batch has this size: it is too small, or falls between two lengths of a varint.
    """
    for key in range(2, 8):  # one size is impossible where a longer value needs a longer length field
        for value in range(size, -1, -1) if size < _SMALL else range(size - 60, size - 120 - 40 * offsets, -1):
            records = [record(n, b"", b"") for n in range(offsets - 1)]
            made = batch([*records, record(offsets - 1, bytes(key), bytes(value))])
            if len(made) == size:
                return made
    raise ValueError(f"no batch of {offsets} records has {size} bytes")


def overwrite_batch(log: Path, base_offset: int, data: bytes) -> None:
    """Overwrite a batch of the same size in a running broker's log.

    Args:
        log: The segment.
        base_offset: Offset of the batch that is overwritten.
        data: The new batch; its base offset and leader epoch are replaced.
    """
    content, at = log.read_bytes(), 0
    while struct.unpack_from(">q", content, at)[0] != base_offset:
        at += _LENGTH_FROM + struct.unpack_from(">i", content, at + 8)[0]
    if _LENGTH_FROM + struct.unpack_from(">i", content, at + 8)[0] != len(data):
        raise ValueError(f"the batch at offset {base_offset} of {log} has not {len(data)} bytes")
    with log.open("r+b") as file:
        file.seek(at)
        file.write(content[at : at + 8] + data[8:12] + content[at + 12 : at + 16] + data[16:])


async def append(client: AIOKafkaClient, topic: str, partition: int, data: bytes) -> int:
    """Let a broker append a batch as it is.

    Args:
        client: Connected; it must know the topic.
        topic: Its topic.
        partition: Its partition.
        data: The batch.

    Returns:
        Offset of the batch.

    Raises:
        aiokafka.errors.KafkaError: If the broker refuses it.
    """
    request = ProduceRequest(
        transactional_id=None, required_acks=-1, timeout=5000, topics=[(topic, [(partition, data)])]
    )
    until = time.monotonic() + _LED_WITHIN
    while True:
        answer = await client.send(client.cluster.leader_for_partition(TopicPartition(topic, partition)), request)
        [(_, [(_, code, offset, *_)])] = answer.topics
        if not code:
            return int(offset)
        error = for_code(code)
        if error is not NotLeaderForPartitionError or time.monotonic() > until:
            raise error(f"{topic}-{partition}")
        await asyncio.sleep(0.1)
        await client.force_metadata_update()
