"""A reader of past results, for whoever puts calls together."""

import hashlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from aiokafka import ConsumerRecord, TopicPartition

from schemas import CompressedAudio, Position, Record, Rejection
from schemas import headers as h
from schemas.topics import COMPRESSED
from streams.clients.messages import record_of
from streams.clients.opening import RecordOpener
from streams.clients.topic_reader import Offsets, TopicReader
from streams.clients.track_parts import Segment
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.unreadable import Unreadable
from streams.security.sealing.missing import GONE
from streams.security.sealing.sealed_record import is_sealed


@dataclass(frozen=True, slots=True)
class Range:
    """A range of the topic.

    Attributes:
        begins: First offset in each partition.
        ends: The offset after the last one.
    """

    begins: Offsets
    ends: Offsets

    @property
    def offsets(self) -> int:
        """Number of offsets in it, an upper limit of the number of results."""
        return sum(max(self.ends[place] - begin, 0) for place, begin in self.begins.items())


class ResultReader(TopicReader):
    """Reads results; see `TopicReader`.

    Args:
        bootstrap_servers: As `TopicReader`.
        topic: As `TopicReader`.
        opener: Opens sealed results; None to read them as they lie there.
    """

    def __init__(
        self, bootstrap_servers: str | KafkaConnection, topic: str = COMPRESSED, opener: RecordOpener | None = None
    ) -> None:
        super().__init__(bootstrap_servers, topic)
        self._opener = opener

    async def range(self, since_ms: int | None = None, until_ms: int | None = None) -> Range:
        """Find the results that were written in a time, by the brokers' time index.

        Args:
            since_ms: From this time on, in milliseconds since the epoch; None means from the oldest one.
            until_ms: Before this time; None means until now.
        """
        begins, ends = await self.bounds()
        if since_ms is not None:
            begins = await self.offsets_at(since_ms, ends)
        if until_ms is not None:
            ends = await self.offsets_at(until_ms, ends)
        return Range(begins, ends)

    async def results(self, chosen: Range, advance: Callable[[int], None]) -> AsyncIterator[Segment | Rejection]:
        """Yield the results of a range, in order within each partition; other records as a `Rejection`.

        Args:
            chosen: The range.
            advance: Called with the number of offsets that were passed since the last time.
        """
        positions: dict[TopicPartition, int] = dict(chosen.begins)

        def passed(reached: Offsets) -> None:
            now = {place: min(offset, chosen.ends[place]) for place, offset in reached.items()}
            advance(sum(max(now[place] - positions[place], 0) for place in now))
            positions.update(now)

        async for message in self.between(chosen.begins, chosen.ends, passed):
            opener = None if isinstance(message, Unreadable) else self._opener
            yield segment_of(message, None if opener is None else await opener.open(record_of(message)))


def segment_of(message: ConsumerRecord, opened: Record | Rejection | None = None) -> Segment | Rejection:
    """Read a consumed message as a segment of a call.

    A result whose file is not the one that ``ce_sha256`` describes is a segment that is not intact, and so is a sealed
    one that cannot be opened: its headers in clear say what call it is of. One that was erased, or has expired, is no
    segment of a call any more.

    Args:
        message: The message.
        opened: Its record after it was opened, or why it cannot be; None for the record as it came, sealed or not.
    """
    if isinstance(message, Unreadable):
        return message.rejection
    if isinstance(opened, Rejection) and opened.code in GONE:
        return opened
    record = opened if isinstance(opened, Record) else record_of(message)
    problem = f"cannot be opened: {opened.message}" if isinstance(opened, Rejection) else None
    result = CompressedAudio.from_record(in_clear(record))
    if isinstance(result, Rejection) and result.code == "DigestMismatch":
        problem = problem or result.reason
        result = CompressedAudio.from_record(in_clear(_with_digest(record)))
    if isinstance(result, Rejection):
        return result
    if isinstance(opened, Rejection):
        result = replace(result, audio=b"")
    sha256 = (dict(record.headers)[h.SHA256] or b"").decode()
    position = Position(message.topic, message.partition, message.offset)
    return Segment(result, position, message.timestamp, sha256, problem)


def in_clear(record: Record) -> Record:
    """A sealed result as far as it can be read without its key: with the digest in clear in place of the sealed one."""
    if not is_sealed(record):
        return record
    digests = tuple((h.PCM_SHA256, value) for name, value in record.headers if name == h.SHA256)
    return replace(record, headers=tuple(one for one in record.headers if one[0] != h.PCM_SHA256) + digests)


def with_file(segment: Segment, filled: CompressedAudio | Rejection) -> Segment:
    """A segment with its file from an object store; one whose file is not there is not intact."""
    if isinstance(filled, Rejection):
        return replace(segment, problem=f"has no file: {filled.reason}")
    return replace(segment, result=filled)


def _with_digest(record: Record) -> Record:
    """The record with the digest of the value that it has."""
    digest = hashlib.sha256(record.value or b"").hexdigest().encode()
    headers = tuple((name, digest if name == h.SHA256 else value) for name, value in record.headers)
    return Record(record.key, record.value, headers, record.timestamp_ms)
