"""Parses a damaged or invalid batch: returns the records that can be read, and reports the rest as unreadable.

Brokers check a batch's checksum, its number of records and little else (Kafka 4.1.1 accepts header names that are not
UTF-8, and duplicate offsets); and a disk may corrupt anything.
"""

from collections.abc import Generator, Iterator
from typing import NamedTuple

from aiokafka import ConsumerRecord, TopicPartition

from schemas import Cut, Headers, Rejection
from schemas.dead_letter import EXCERPT_BYTES, NOTHING_CUT
from streams.kafka.protocol.decompression import DecompressionError, decompressed
from streams.kafka.protocol.record_batch import HEADER_BYTES, BatchHeader
from streams.kafka.protocol.record_parts import (
    MOST_HEADERS,
    RecordHeaders,
    headers_of,
    leading_headers,
    parts_with_pauses,
    read_prefix,
    sized,
)
from streams.kafka.protocol.record_reader import BrokenRecordsError, RecordReader
from streams.kafka.protocol.unreadable import Unreadable, unreadable

_LATEST = 2**63 - 1
_MOST_COUNTED = 2**31 - 1


class _RecordStart(NamedTuple):
    """The first fields of a record: its time and offset, relative to the batch's."""

    time: int
    delta: int


class TolerantParser:
    """Parses one batch of format 2, record by record, and yields `Unreadable` for what cannot be parsed.

    Each offset from `position` to the batch's last one is covered once, in order, by a record or by an `Unreadable`;
    except offsets that compaction has removed. A record with invalid contents is one `Unreadable`. When it is unknown
    where the next record begins, the rest of the batch is one `Unreadable` with the bytes of the whole batch.

    Args:
        tp: The batch's partition.
        batch: Its bytes.
        header: Its parsed header.
        position: The first offset to yield.
        last: The last offset that may be reported as unreadable.
        largest: Bytes of the largest record that is kept whole. Of a larger one, only the first bytes of key and value
            are kept, and it is never held in memory as a whole.
    """

    def __init__(
        self, tp: TopicPartition, batch: memoryview, header: BatchHeader, position: int, *, last: int, largest: int
    ) -> None:
        self._tp = tp
        self._batch = batch
        self._header = header
        self._next = max(position, header.base_offset)
        self._last = last
        self._largest = largest
        self._last_delta = header.last_offset - header.base_offset
        self._delta = -1
        self._parsed = 0

    def __iter__(self) -> Iterator[ConsumerRecord | None]:
        """Yield records and `Unreadable`; None now and then during long work without a result."""
        payload = self._batch[HEADER_BYTES:]
        codec = self._header.codec
        reader = RecordReader(decompressed(codec, payload) if codec and payload else iter((payload,)))
        # The last record if it is invalid: a record after it confirms where it ends, otherwise the batch is broken.
        unconfirmed: Unreadable | None = None
        try:
            while not reader.at_end():
                length = _length(reader)
                if length > self._largest:
                    found: ConsumerRecord = yield from self._too_large(reader, length)
                else:
                    found = self._record(reader.gather(length))
                if unconfirmed is not None:
                    yield self._new(unconfirmed)
                unconfirmed = (
                    found if isinstance(found, Unreadable) and found.rejection.code == "UnreadableRecord" else None
                )
                if unconfirmed is None:
                    yield self._new(found)
            if unconfirmed is not None and self._parsed < self._header.records:
                raise BrokenRecordsError(f"{unconfirmed.rejection.reason}, and nothing follows it")  # noqa: TRY301
        except (BrokenRecordsError, DecompressionError) as error:
            yield self._rest(str(error))
            return
        if unconfirmed is not None:
            yield self._new(unconfirmed)
        if self._parsed < self._header.records:
            yield self._rest(f"{self._header.records} records are announced and {self._parsed} are there")

    def _record(self, body: bytearray) -> ConsumerRecord:
        """Parse the next record; invalid contents give an `Unreadable`.

        Raises:
            BrokenRecordsError: When its offset is impossible.
        """
        inside = RecordReader(iter((body,)))
        start = self._start(inside)
        try:
            return self._content(inside, start)
        except BrokenRecordsError as error:
            reason = f"cannot be taken apart: {error}"
            return self._unreadable(Rejection("record", "UnreadableRecord", "record", reason), start, value=bytes(body))

    def _start(self, reader: RecordReader) -> _RecordStart:
        """Read a record's time and offset.

        Raises:
            BrokenRecordsError: When the offset is impossible there.
        """
        reader.take(1)  # attributes; Kafka defines none
        start = _RecordStart(reader.varint(), reader.varint())
        if not self._delta < start.delta <= self._last_delta:
            raise BrokenRecordsError(f"offset {start.delta} of the batch's follows {self._delta} of {self._last_delta}")
        self._delta = start.delta
        self._parsed += 1
        return start

    def _too_large(self, reader: RecordReader, length: int) -> Generator[None, None, ConsumerRecord]:
        """Read a record that is too large, and keep only the first bytes of its parts.

        Raises:
            BrokenRecordsError: When it is incomplete, or its offset is impossible.
        """
        end = reader.position + length
        start = self._start(reader)
        key = yield from read_prefix(reader, end)
        value = yield from read_prefix(reader, end)
        headers = yield from self._headers_of_large(reader, end)
        reason = f"has {length} bytes, uncompressed, and may have {self._largest}; send shorter segments"
        return self._unreadable(
            Rejection("record", "RecordTooLarge", "record", reason),
            start,
            key=key.first,
            value=value.first,
            headers=headers.pairs,
            cut=Cut(
                value_bytes=value.size if value.is_cut else None,
                value_sha256=value.digest if value.is_cut else None,
                header_count=headers.number if len(headers.pairs) < headers.number else None,
                key_bytes=key.size if key.is_cut else None,
            ),
        )

    def _headers_of_large(self, reader: RecordReader, end: int) -> Generator[None, None, RecordHeaders]:
        """Read headers up to the end of the record; of large headers, keep only the first ones."""
        size = end - reader.position
        if size <= EXCERPT_BYTES:
            return headers_of(reader.take(max(0, size)))
        first = leading_headers(reader.take(EXCERPT_BYTES))
        for part in parts_with_pauses(reader, end - reader.position):
            if part is None:
                yield
        return first._replace(number=min(max(first.number, 1), _MOST_COUNTED))

    def _content(self, inside: RecordReader, start: _RecordStart) -> ConsumerRecord:
        key, value = sized(inside), sized(inside)
        raw = inside.rest()
        headers = headers_of(raw)
        if headers.number > MOST_HEADERS:
            reason = f"are {headers.number} and may be {MOST_HEADERS}"
            rejection = Rejection("record", "TooManyHeaders", "headers", reason)
            return self._unreadable(rejection, start, key=key, value=value, raw_headers=raw)
        if headers.bad_name is not None:
            reason = f"have a name that is not UTF-8: {headers.bad_name}"
            rejection = Rejection("record", "BadHeaderName", "headers", reason)
            return self._unreadable(rejection, start, key=key, value=value, headers=headers.pairs, raw_headers=raw)
        return ConsumerRecord(
            self._tp.topic,
            self._tp.partition,
            self._header.base_offset + start.delta,
            self._time(start),
            int(self._header.appended),
            key,
            value,
            None,
            -1 if key is None else len(key),
            -1 if value is None else len(value),
            headers.pairs,
        )

    def _unreadable(
        self,
        rejection: Rejection,
        start: _RecordStart,
        *,
        key: bytes | None = None,
        value: bytes | None = None,
        headers: Headers = (),
        raw_headers: bytes | None = None,
        cut: Cut = NOTHING_CUT,
    ) -> Unreadable:
        offset = self._header.base_offset + start.delta
        return unreadable(
            self._tp,
            offset,
            rejection,
            next_offset=offset + 1,
            key=key,
            value=value,
            headers=headers,
            raw_headers=raw_headers,
            cut=cut,
            timestamp=self._time(start),
        )

    def _time(self, start: _RecordStart) -> int:
        """A record's time in milliseconds since the epoch; -1 when it is out of range."""
        time = self._header.last_time if self._header.appended else self._header.first_time + start.time
        return time if 0 <= time <= _LATEST else -1

    def _new(self, record: ConsumerRecord) -> ConsumerRecord | None:
        """The record, or None if its offset was yielded before."""
        if record.offset < self._next:
            return None
        self._next = record.offset + 1
        return record

    def _rest(self, reason: str) -> Unreadable | None:
        """One `Unreadable` for all remaining offsets; None when there are none."""
        if self._next > self._last:
            return None
        return unreadable_batch(self._tp, self._next, self._last, reason, self._batch)


def unreadable_batch(tp: TopicPartition, first: int, last: int, reason: str, batch: memoryview) -> Unreadable:
    """Create the `Unreadable` for offsets of a batch whose records cannot be separated."""
    rejection = Rejection("record", "UnreadableBatch", "batch", f"holds offsets that cannot be read: {reason}")
    return unreadable(tp, first, rejection, next_offset=last + 1, value=bytes(batch))


def _length(reader: RecordReader) -> int:
    length = reader.varint()
    if length < 0:
        raise BrokenRecordsError(f"a record is said to have {length} bytes")
    return length
