"""The fetched batches of one partition, decoded on demand."""

import logging
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import pairwise

from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.record.default_records import DefaultRecordBatch

from streams.kafka.protocol.decompression import DecompressionError, decompressed
from streams.kafka.protocol.old_records import old_records
from streams.kafka.protocol.record_batch import (
    FORMAT,
    HEADER_BYTES,
    BatchHeader,
    header_of,
    is_intact,
    is_marker,
    split,
    uncompressed,
)
from streams.kafka.protocol.record_parts import MOST_HEADERS
from streams.kafka.protocol.tolerant_parser import TolerantParser, unreadable_batch

log = logging.getLogger(__name__)

#: Larger batches are not given to aiokafka's compiled parser, which parses all headers of a record, however many.
_LARGEST_PARSED = 1_310_720
#: Default for the uncompressed bytes of the largest record that is returned whole: the brokers' limit for a message.
LARGEST_RECORD = 10 * 2**20


@dataclass(frozen=True, slots=True)
class TakeLimits:
    """Limits of one call of `take`; the first record is returned whatever its size.

    Attributes:
        size: Bytes of keys, values and headers.
        records: Number of records.
        seconds: Time for finding the first record.
    """

    size: int
    records: int
    seconds: float


class _ImplausibleRecordError(Exception):
    """aiokafka's parser returned an impossible record."""


class FetchedPartition:
    """Fetched batches of one partition, whose records are taken a limited number at a time.

    Control batches are skipped, and batches of aborted transactions if only committed records are read. What cannot be
    read is returned as `Unreadable`. A batch with a wrong checksum may be intact on the broker's disk, so decoding$
    stops before it and the batch is fetched again, unless its position is `corrupt_at`.

    Args:
        tp: The partition.
        data: The record set sent by the broker; its last batch may be incomplete.
        aborted: Producer ids and first offsets of aborted transactions; None to read uncommitted records.
        position: The first offset to return.
        corrupt_at: Position of a batch whose checksum was wrong in every fetch; it is returned as `Unreadable`.
        largest: Uncompressed bytes of the largest record that is returned whole.

    Attributes:
        next_fetch_offset: The first offset that was not taken yet.
        exhausted: Whether all records were taken.
        checksum_failed: Whether decoding stopped before a batch with a wrong checksum.
        taken_bytes: Bytes of keys, values and headers in the last call of `take`.
    """

    def __init__(
        self,
        tp: TopicPartition,
        data: bytes,
        aborted: Collection[tuple[int, int]] | None,
        position: int,
        *,
        corrupt_at: int | None = None,
        largest: int = LARGEST_RECORD,
    ) -> None:
        self.next_fetch_offset = position
        self.exhausted = False
        self.checksum_failed = False
        self.taken_bytes = 0
        self._tp = tp
        self._batches = list(split(data))
        self._aborted = None if aborted is None else sorted(aborted, key=lambda one: one[1], reverse=True)
        self._aborted_producers: set[int] = set()
        self._corrupt_at = corrupt_at
        self._largest = largest
        self._records = self._decode()

    @property
    def empty(self) -> bool:
        """Whether there is no complete batch."""
        return not self._batches

    def take(self, limits: TakeLimits) -> list[ConsumerRecord]:
        """Return the next records; none when all were taken, or when no record was found within the time limit."""
        taken: list[ConsumerRecord] = []
        size, until = 0, time.monotonic() + limits.seconds
        for record in self._records:
            if record is None:
                if not taken and time.monotonic() < until:
                    continue
                break
            taken.append(record)
            size += _size(record)
            if size >= limits.size or len(taken) >= limits.records:
                break
        else:
            self.exhausted = True
        self.taken_bytes = size
        return taken

    def _decode(self) -> Iterator[ConsumerRecord | None]:
        headers = [header_of(batch) for batch in self._batches]
        ends = [later.base_offset if later.form == FORMAT else None for _, later in pairwise(headers)]
        first = True
        for batch, header, end in zip(self._batches, headers, [*ends, None], strict=False):
            leads, first = first, False
            if self._is_skipped(batch, header):
                self._move_to(header.last_offset + 1, end)
                continue
            if not is_intact(batch, header):
                if self._corrupt_at != self.next_fetch_offset:
                    self.checksum_failed = True
                    return
                if not is_marker(batch, header):
                    yield from self._unreadable(batch, header, end, "the batch does not match its checksum")
            elif header.form not in (0, 1, FORMAT):
                yield from self._unreadable(batch, header, end, f"format {header.form} is not known")
            elif not self._is_plausible(header, end, leads=leads):
                yield from self._unreadable(batch, header, end, "the batch's offsets are not where it stands")
            else:
                for record in self._decode_intact(batch, header, end):
                    if record is not None:
                        self.next_fetch_offset = getattr(record, "next_offset", record.offset + 1)
                    yield record
            self._move_to(header.last_offset + 1, end)

    def _decode_intact(
        self, batch: memoryview, header: BatchHeader, end: int | None
    ) -> Iterator[ConsumerRecord | None]:
        """Decode a batch whose checksum and offsets are plausible."""
        if header.form != FORMAT:
            yield from old_records(self._tp, batch, header, self.next_fetch_offset)
            return
        parsable = _as_parser_input(batch, header)
        if parsable is not None:
            try:
                yield from self._parse(parsable, header)
            except Exception as error:  # noqa: BLE001  any error: the tolerant parser finds out what is wrong
                log.debug("batch at offset %d of %s: %r", header.base_offset, self._tp, error)
            else:
                return
        last = header.last_offset if end is None else min(header.last_offset, end - 1)
        yield from TolerantParser(self._tp, batch, header, self.next_fetch_offset, last=last, largest=self._largest)

    def _parse(self, batch: bytes | memoryview, header: BatchHeader) -> Iterator[ConsumerRecord]:
        topic, partition = self._tp
        last, wanted = header.base_offset - 1, self.next_fetch_offset
        for record in DefaultRecordBatch(batch):
            offset, headers = record.offset, record.headers
            if not last < offset <= header.last_offset or len(headers) > MOST_HEADERS:
                raise _ImplausibleRecordError
            last = offset
            if offset < wanted:
                continue
            key, value = record.key, record.value
            yield ConsumerRecord(
                topic,
                partition,
                offset,
                record.timestamp,
                record.timestamp_type,
                key,
                value,
                None,
                -1 if key is None else len(key),
                -1 if value is None else len(value),
                tuple(headers),
            )

    def _is_skipped(self, batch: memoryview, header: BatchHeader) -> bool:
        """Whether a batch holds no records to return: a control batch, or one of an aborted transaction."""
        if self._aborted is not None and header.producer_id >= 0:
            while self._aborted and self._aborted[-1][1] <= header.base_offset:
                self._aborted_producers.add(self._aborted.pop()[0])
            if header.is_control and is_intact(batch, header):
                # A producer has one transaction at a time: its control batch ends the aborted one.
                self._aborted_producers.discard(header.producer_id)
            elif header.is_transactional and header.producer_id in self._aborted_producers:
                return True
        if not (header.is_control and is_intact(batch, header)):
            return False
        if not is_marker(batch, header):
            log.warning(
                "control batch at offset %d of %s ends no transaction, passed over", header.base_offset, self._tp
            )
        return True

    def _is_plausible(self, header: BatchHeader, end: int | None, *, leads: bool) -> bool:
        """Whether a batch's offsets are possible at its place; the checksum does not cover the base offset.

        The first batch that a broker sends holds the requested offset, or is the first one after it; each other batch
        follows the one before.
        """
        base, last, wanted = header.base_offset, header.last_offset, self.next_fetch_offset
        follows = base <= wanted if leads else base == wanted
        return base <= last >= wanted and (follows or (base > wanted and (end is None or last < end)))

    def _unreadable(
        self, batch: memoryview, header: BatchHeader, end: int | None, reason: str
    ) -> Iterator[ConsumerRecord]:
        """Yield one `Unreadable` for the offsets of a batch, as far as its header is plausible."""
        first, last = self.next_fetch_offset, header.last_offset
        if end is not None:
            last = end - 1  # whatever the header says: the next batch begins there
        elif last < first or (last - header.base_offset != header.records - 1):
            last = first  # the number of offsets is unknown; the rest is fetched again
        if first <= last:
            self.next_fetch_offset = last + 1
            yield unreadable_batch(self._tp, first, last, reason, batch)

    def _move_to(self, offset: int, end: int | None) -> None:
        """Move behind a batch; never backwards, and never into the next batch."""
        if end is not None:
            offset = min(offset, end)
        self.next_fetch_offset = max(self.next_fetch_offset, offset)


def _as_parser_input(batch: memoryview, header: BatchHeader) -> bytes | memoryview | None:
    """The batch uncompressed, for aiokafka's parser; None when it is too large for it, or cannot be decompressed."""
    if not header.codec:
        return batch if len(batch) <= _LARGEST_PARSED else None
    expanded, size = [], 0
    try:
        for piece in decompressed(header.codec, batch[HEADER_BYTES:]):
            expanded.append(piece)
            size += len(piece)
            if size > _LARGEST_PARSED:
                return None
    except DecompressionError:
        return None
    return uncompressed(batch, header, b"".join(expanded))


def _size(record: ConsumerRecord) -> int:
    size: int = record.serialized_key_size + record.serialized_value_size
    return size + sum([len(name) + len(value or b"") for name, value in record.headers])
