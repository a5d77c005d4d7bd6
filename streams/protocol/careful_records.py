"""Records of a batch in which something is wrong: those that can be told apart, and what cannot.

Brokers look at a batch's checksum, its number of records and hardly at more (Kafka 4.1.1 takes header names that are
not UTF-8, and offsets that occur twice); and a disk may change anything.
"""

from collections.abc import Iterator
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from schemas import Headers, Rejection
from streams.protocol.decompression import DecompressionError, decompressed
from streams.protocol.record_batch import HEADER_BYTES, BatchHeader
from streams.protocol.record_reader import BrokenRecordsError, RecordReader
from streams.protocol.unreadable import Unreadable, unreadable

#: More headers than this are not taken apart: each takes a hundred times the two bytes that it may have.
MOST_HEADERS = 1000
_LATEST = 2**63 - 1


class _Head(NamedTuple):
    """The first fields of a record: what places it."""

    time: int
    delta: int


class CarefulRecords:
    """Takes the records of one batch of format 2 apart, and says what is wrong with the others.

    Each offset from `position` to the batch's last one is given once, in order: as a record, or within one that is
    unreadable; but not those that compaction has removed. A record that is bad within itself costs itself. Where it
    cannot be said where the next one begins, the rest of the batch is one, with the whole batch's bytes.

    Args:
        tp: Where the batch stands.
        batch: Its bytes.
        header: What it says of itself.
        position: First offset to give.
        last: Last offset of which it may say that it is unreadable.
    """

    def __init__(self, tp: TopicPartition, batch: memoryview, header: BatchHeader, position: int, last: int) -> None:
        self._tp = tp
        self._batch = batch
        self._header = header
        self._next = max(position, header.base_offset)
        self._last_delta = header.last_offset - header.base_offset
        self._last = last
        self._delta = -1
        self._parsed = 0

    def __iter__(self) -> Iterator[ConsumerRecord]:
        """Give records and `Unreadable`."""
        payload = self._batch[HEADER_BYTES:]
        codec = self._header.codec
        reader = RecordReader(decompressed(codec, payload) if codec and payload else iter((payload,)))
        doubtful: Unreadable | None = None  # the last record, bad within itself, until something follows where it ends
        try:
            while not reader.at_end():
                found = self._record(reader)
                if doubtful is not None:
                    yield from self._new(doubtful)
                doubtful = found if isinstance(found, Unreadable) and found.raw_headers is None else None
                if doubtful is None:
                    yield from self._new(found)
            if doubtful is not None and self._parsed < self._header.records:
                raise BrokenRecordsError(f"{doubtful.rejection.reason}, and nothing follows it")  # noqa: TRY301
        except (BrokenRecordsError, DecompressionError) as error:
            yield from self._rest(str(error))
            return
        if doubtful is not None:
            yield from self._new(doubtful)
        if self._parsed < self._header.records:
            yield from self._rest(f"{self._header.records} records are announced and {self._parsed} are there")

    def _record(self, reader: RecordReader) -> ConsumerRecord:
        """Read the next record; one that is bad within itself is `Unreadable`.

        Raises:
            BrokenRecordsError: When it has no end, or no place.
        """
        length = reader.varint()
        if length < 0:
            raise BrokenRecordsError(f"a record is said to have {length} bytes")
        body = reader.take(length)
        inside = RecordReader(iter((body,)))
        inside.take(1)  # attributes, of which there are none
        head = _Head(inside.varint(), inside.varint())
        if not self._delta < head.delta <= self._last_delta:
            raise BrokenRecordsError(f"offset {head.delta} of the batch's follows {self._delta} of {self._last_delta}")
        self._delta = head.delta
        self._parsed += 1
        try:
            return self._content(inside, head)
        except BrokenRecordsError as error:
            reason = f"cannot be taken apart: {error}"
            return self._unreadable(Rejection("record", "UnreadableRecord", "record", reason), head, value=body)

    def _content(self, inside: RecordReader, head: _Head) -> ConsumerRecord:
        key, value = _sized(inside), _sized(inside)
        raw = inside.rest()
        count = inside.varint()
        if count > MOST_HEADERS:
            reason = f"are {count} and may be {MOST_HEADERS}"
            rejection = Rejection("record", "TooManyHeaders", "headers", reason)
            return self._unreadable(rejection, head, key=key, value=value, raw_headers=raw)
        if count < 0:
            raise BrokenRecordsError(f"it is said to have {count} headers")
        names, values = [], []
        for _ in range(count):
            name = _sized(inside)
            if name is None:
                raise BrokenRecordsError("a header has no name")
            names.append(name)
            values.append(_sized(inside))
        if not inside.at_end():
            raise BrokenRecordsError("more follows after its headers")
        headers = tuple(zip((name.decode("utf-8", "backslashreplace") for name in names), values, strict=True))
        if bad := [name for name in names if not _is_text(name)]:
            shown = bad[0][:100].decode("utf-8", "backslashreplace")
            rejection = Rejection("record", "BadHeaderName", "headers", f"have a name that is not UTF-8: {shown}")
            return self._unreadable(rejection, head, key=key, value=value, headers=headers, raw_headers=raw)
        return ConsumerRecord(
            self._tp.topic,
            self._tp.partition,
            self._header.base_offset + head.delta,
            self._time(head),
            int(self._header.appended),
            key,
            value,
            None,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            headers,
        )

    def _unreadable(
        self,
        rejection: Rejection,
        head: _Head,
        *,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: Headers = (),
        raw_headers: bytes | None = None,
    ) -> Unreadable:
        offset = self._header.base_offset + head.delta
        return unreadable(
            self._tp,
            offset,
            rejection,
            next_offset=offset + 1,
            key=key,
            value=value,
            headers=headers,
            raw_headers=raw_headers,
            timestamp=self._time(head),
        )

    def _time(self, head: _Head) -> int:
        """A record's time; unknown where it cannot be one."""
        time = self._header.last_time if self._header.appended else self._header.first_time + head.time
        return time if 0 <= time <= _LATEST else -1

    def _new(self, record: ConsumerRecord) -> Iterator[ConsumerRecord]:
        """Give a record, unless it was given before."""
        if record.offset >= self._next:
            self._next = record.offset + 1
            yield record

    def _rest(self, reason: str) -> Iterator[Unreadable]:
        """Give the offsets that are left as one."""
        if self._next <= self._last:
            yield unreadable_batch(self._tp, self._next, self._last, reason, self._batch)


def unreadable_batch(tp: TopicPartition, first: int, last: int, reason: str, batch: memoryview) -> Unreadable:
    """Make what stands for offsets of a batch of which no record can be told apart."""
    rejection = Rejection("record", "UnreadableBatch", "batch", f"holds offsets that cannot be read: {reason}")
    return unreadable(tp, first, rejection, next_offset=last + 1, value=bytes(batch))


def _sized(reader: RecordReader) -> bytes | None:
    size = reader.varint()
    return None if size < 0 else reader.take(size)


def _is_text(name: bytes) -> bool:
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
