"""Records of a batch in which something is wrong: those that can be told apart, and what cannot.

Brokers look at a batch's checksum, its number of records and hardly at more (Kafka 4.1.1 takes header names that are
not UTF-8, and offsets that occur twice); and a disk may change anything.
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
    beginning,
    headers_of,
    leading_headers,
    sized,
    turns,
)
from streams.kafka.protocol.record_reader import BrokenRecordsError, RecordReader
from streams.kafka.protocol.unreadable import Unreadable, unreadable

_LATEST = 2**63 - 1
_MOST_COUNTED = 2**31 - 1


class _Head(NamedTuple):
    """The first fields of a record: what places it."""

    time: int
    delta: int


class TolerantParser:
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
        largest: Bytes of a record that is kept whole. Of a larger one, key and value are cut to their beginnings, and
            it is never held.
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
        """Give records and `Unreadable`; None now and then while there are none to give."""
        payload = self._batch[HEADER_BYTES:]
        codec = self._header.codec
        reader = RecordReader(decompressed(codec, payload) if codec and payload else iter((payload,)))
        doubtful: Unreadable | None = None  # the last record, bad within itself, until something follows where it ends
        try:
            while not reader.at_end():
                length = _length(reader)
                if length > self._largest:
                    found: ConsumerRecord = yield from self._too_large(reader, length)
                else:
                    found = self._record(reader.gather(length))
                if doubtful is not None:
                    yield self._new(doubtful)
                doubtful = (
                    found if isinstance(found, Unreadable) and found.rejection.code == "UnreadableRecord" else None
                )
                if doubtful is None:
                    yield self._new(found)
            if doubtful is not None and self._parsed < self._header.records:
                raise BrokenRecordsError(f"{doubtful.rejection.reason}, and nothing follows it")  # noqa: TRY301
        except (BrokenRecordsError, DecompressionError) as error:
            yield self._rest(str(error))
            return
        if doubtful is not None:
            yield self._new(doubtful)
        if self._parsed < self._header.records:
            yield self._rest(f"{self._header.records} records are announced and {self._parsed} are there")

    def _record(self, body: bytearray) -> ConsumerRecord:
        """Read the next record; one that is bad within itself is `Unreadable`.

        Raises:
            BrokenRecordsError: When it has no place.
        """
        inside = RecordReader(iter((body,)))
        head = self._head(inside)
        try:
            return self._content(inside, head)
        except BrokenRecordsError as error:
            reason = f"cannot be taken apart: {error}"
            return self._unreadable(Rejection("record", "UnreadableRecord", "record", reason), head, value=bytes(body))

    def _head(self, reader: RecordReader) -> _Head:
        """Read what places a record.

        Raises:
            BrokenRecordsError: When it cannot stand there.
        """
        reader.take(1)  # attributes, of which there are none
        head = _Head(reader.varint(), reader.varint())
        if not self._delta < head.delta <= self._last_delta:
            raise BrokenRecordsError(f"offset {head.delta} of the batch's follows {self._delta} of {self._last_delta}")
        self._delta = head.delta
        self._parsed += 1
        return head

    def _too_large(self, reader: RecordReader, length: int) -> Generator[None, None, ConsumerRecord]:
        """Read a record of which only the beginnings are kept.

        Raises:
            BrokenRecordsError: When it has no end, or no place.
        """
        end = reader.position + length
        head = self._head(reader)
        key = yield from beginning(reader, end)
        value = yield from beginning(reader, end)
        headers = yield from self._headers_of_large(reader, end)
        reason = f"has {length} bytes, uncompressed, and may have {self._largest}; send shorter segments"
        return self._unreadable(
            Rejection("record", "RecordTooLarge", "record", reason),
            head,
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
        """Read headers up to the record's end, and keep only the first ones, if they are large."""
        size = end - reader.position
        if size <= EXCERPT_BYTES:
            return headers_of(reader.take(max(0, size)))
        first = leading_headers(reader.take(EXCERPT_BYTES))
        for part in turns(reader, end - reader.position):
            if part is None:
                yield
        return first._replace(number=min(max(first.number, 1), _MOST_COUNTED))

    def _content(self, inside: RecordReader, head: _Head) -> ConsumerRecord:
        key, value = sized(inside), sized(inside)
        raw = inside.rest()
        headers = headers_of(raw)
        if headers.number > MOST_HEADERS:
            reason = f"are {headers.number} and may be {MOST_HEADERS}"
            rejection = Rejection("record", "TooManyHeaders", "headers", reason)
            return self._unreadable(rejection, head, key=key, value=value, raw_headers=raw)
        if headers.bad_name is not None:
            reason = f"have a name that is not UTF-8: {headers.bad_name}"
            rejection = Rejection("record", "BadHeaderName", "headers", reason)
            return self._unreadable(rejection, head, key=key, value=value, headers=headers.pairs, raw_headers=raw)
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
            headers.pairs,
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
        cut: Cut = NOTHING_CUT,
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
            cut=cut,
            timestamp=self._time(head),
        )

    def _time(self, head: _Head) -> int:
        """A record's time; unknown where it cannot be one."""
        time = self._header.last_time if self._header.appended else self._header.first_time + head.time
        return time if 0 <= time <= _LATEST else -1

    def _new(self, record: ConsumerRecord) -> ConsumerRecord | None:
        """The record, unless it was given before."""
        if record.offset < self._next:
            return None
        self._next = record.offset + 1
        return record

    def _rest(self, reason: str) -> Unreadable | None:
        """The offsets that are left, as one."""
        if self._next > self._last:
            return None
        return unreadable_batch(self._tp, self._next, self._last, reason, self._batch)


def unreadable_batch(tp: TopicPartition, first: int, last: int, reason: str, batch: memoryview) -> Unreadable:
    """Make what stands for offsets of a batch of which no record can be told apart."""
    rejection = Rejection("record", "UnreadableBatch", "batch", f"holds offsets that cannot be read: {reason}")
    return unreadable(tp, first, rejection, next_offset=last + 1, value=bytes(batch))


def _length(reader: RecordReader) -> int:
    length = reader.varint()
    if length < 0:
        raise BrokenRecordsError(f"a record is said to have {length} bytes")
    return length
