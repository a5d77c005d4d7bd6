"""Collects the segments of calls that are under way, and hands out each call when it ends. Pure.

A call ends as soon as each of its streams has had its segment with ``ce_final``; where only some of them have, ten
seconds after the next segment would be due; without any, after `idle_ms`. Time is that of the partition: the brokers'
times of its records, and on top of it the time for which it is known to have no more of them. So a backlog is read in
the time of its calls, however fast. When all open calls together exceed a number of bytes, the oldest one is handed out
as it is.

Offsets are committed up to the first segment of the oldest call that is open or not handled yet. Later segments of
calls that are handled by then are read again after a restart: the metadata of the commit names those calls, so that
none is handed out twice, or in part.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from streams.clients.assembling import StreamKey, assemble, stream_of
from streams.clients.calls import Call
from streams.clients.handled import Commit
from streams.clients.track_parts import Segment

#: Milliseconds after the next segment would be due, if one of a call's streams has ended and another has not.
LINGER_MS = 10_000
_LOOK_MS = 1000  # between two searches for calls that have ended
_REMEMBERED_SEGMENTS = 100_000  # of calls that were handed out, to recognise what is sent again
_METADATA_BYTES = 4000  # brokers allow 4096
_METADATA_BEGINS = "calls/1"
_DIGEST_DIGITS = 12

_Key = tuple[str, str]


@dataclass(slots=True)
class _Open:
    """A call under way, or handed out."""

    key: _Key
    expected: Mapping[StreamKey, int]
    continued: bool
    segments: list[Segment] = field(default_factory=list)
    first: dict[int, int] = field(default_factory=dict)  # offset of the first segment, by partition
    last: dict[int, int] = field(default_factory=dict)
    streams: set[StreamKey] = field(default_factory=set)
    finals: set[StreamKey] = field(default_factory=set)
    size: int = 0
    longest_ms: int = 0
    last_ms: int = 0

    def add(self, segment: Segment) -> None:
        self.segments.append(segment)
        self.first.setdefault(segment.position.partition, segment.position.offset)
        self.last[segment.position.partition] = segment.position.offset
        self.streams.add(stream_of(segment))
        if segment.result.final:
            self.finals.add(stream_of(segment))
        self.size += len(segment.result.audio)
        self.longest_ms = max(self.longest_ms, segment.result.duration_ms)
        self.last_ms = max(self.last_ms, segment.appended_ms)


@dataclass(frozen=True, slots=True)
class _Past:
    """What is remembered of a call that was handed out."""

    ids: frozenset[int]
    following: dict[StreamKey, int]


class OpenCalls:
    """The calls of a consumer that are under way.

    Args:
        idle_ms: Milliseconds without a segment after which a call is handed out without its end.
        max_bytes: Most bytes of audio in open calls.
    """

    def __init__(self, idle_ms: int, max_bytes: int) -> None:
        self._idle_ms = idle_ms
        self._max_bytes = max_bytes
        self._past: OrderedDict[_Key, _Past] = OrderedDict()
        self._past_segments = 0
        self.forget()

    def forget(self) -> None:
        """See `Progress`."""
        self._open: dict[_Key, _Open] = {}
        self._ready: deque[_Open] = deque()
        self._given: _Open | None = None
        self._given_record: tuple[int, int] | None = None
        self._held_bytes = 0
        self._read: dict[int, int] = {}
        self._clocks: dict[int, int] = {}
        self._looked: dict[int, int] = {}
        self._done: dict[int, OrderedDict[str, int]] = {}
        self._skipped: dict[int, dict[str, int]] = {}

    def resume(self, partition: int, commit: Commit) -> None:
        """See `Progress`: the segments of calls that were handled by then are left out."""
        if not commit.metadata.startswith(_METADATA_BEGINS):
            return
        named = commit.metadata.split()[1:]
        handled = {one[:_DIGEST_DIGITS]: commit.offset + int(one[_DIGEST_DIGITS:]) for one in named}
        self._skipped[partition] = handled
        self._done[partition] = OrderedDict(handled)

    def give(self, partition: int, next_offset: int) -> None:
        """A record that belongs to no call is handed out by itself."""
        self._given_record = (partition, next_offset)

    def take(self, segment: Segment) -> None:
        """Take the next segment of a partition."""
        partition, offset = segment.position.partition, segment.position.offset
        self._read[partition] = offset + 1
        key = (segment.result.hotel_id, segment.result.call_id)
        skipped = self._skipped.get(partition)
        if not skipped or offset > skipped.get(_digest(key), -1):
            self._collect(key, segment)
        self._advance(partition, max(self._clocks.get(partition, 0), segment.appended_ms))

    def wait(self, partition: int, milliseconds: int) -> None:
        """Time has passed in which a partition had no further record."""
        if partition in self._clocks:
            self._advance(partition, self._clocks[partition] + milliseconds)

    def next(self) -> Call | None:
        """Hand out a call that has ended; None if there is none."""
        if not self._ready:
            return None
        ended = self._given = self._ready.popleft()
        call = assemble(ended.segments, ended.expected, continued=ended.continued)
        self._remember(ended, call)
        return call

    def handled(self) -> None:
        """See `Progress`."""
        if self._given_record is not None:
            partition, next_offset = self._given_record
            self._read[partition] = next_offset
            self._given_record = None
        if self._given is None:
            return
        for partition, offset in self._given.last.items():
            done = self._done.setdefault(partition, OrderedDict())
            done[_digest(self._given.key)] = offset
        self._given = None

    def commits(self) -> dict[int, Commit]:
        """See `Progress`."""
        unhandled = [*self._open.values(), *self._ready, *([] if self._given is None else [self._given])]
        found = {}
        for partition, read in self._read.items():
            offset = min((one.first[partition] for one in unhandled if partition in one.first), default=read)
            found[partition] = Commit(offset, self._metadata(partition, offset))
        return found

    def _collect(self, key: _Key, segment: Segment) -> None:
        call = self._open.get(key)
        if call is None:
            past = self._past.get(key)
            if past is not None and _identity(segment) in past.ids:
                return
            follows = past is not None and (segment.result.sequence or 0) >= past.following.get(stream_of(segment), 0)
            following = past.following if past is not None and follows else {}
            call = self._open[key] = _Open(key, following, continued=follows)
        call.add(segment)
        self._held_bytes += len(segment.result.audio)
        if call.finals == call.streams:
            self._end(call)
        while self._held_bytes > self._max_bytes:
            self._end(min(self._open.values(), key=lambda one: one.segments[0].appended_ms))

    def _advance(self, partition: int, clock_ms: int) -> None:
        self._clocks[partition] = clock_ms
        if clock_ms - self._looked.get(partition, 0) < _LOOK_MS:
            return
        self._looked[partition] = clock_ms
        for call in list(self._open.values()):
            patience_ms = LINGER_MS + call.longest_ms if call.finals else self._idle_ms
            if partition in call.last and clock_ms - call.last_ms >= patience_ms:
                self._end(call)

    def _end(self, call: _Open) -> None:
        del self._open[call.key]
        self._held_bytes -= call.size
        self._ready.append(call)

    def _remember(self, ended: _Open, call: Call) -> None:
        following = dict(ended.expected)
        for track in call.tracks:
            numbers = [one.result.sequence for one in track.segments if one.result.sequence is not None]
            if numbers:
                following[track.stream_id, track.channel] = max(numbers) + 1
        before = self._past.pop(ended.key, None)
        known = frozenset() if before is None else before.ids
        past = _Past(known | {_identity(one) for one in ended.segments}, following)
        self._past[ended.key] = past
        self._past_segments += len(past.ids) - len(known)
        while self._past_segments > _REMEMBERED_SEGMENTS and len(self._past) > 1:
            self._past_segments -= len(self._past.popitem(last=False)[1].ids)

    def _metadata(self, partition: int, offset: int) -> str:
        """Names the handled calls with segments from the offset on, the last ones if there are too many."""
        done = self._done.get(partition)
        if done is None:
            return ""
        for digest in [digest for digest, last in done.items() if last < offset]:
            del done[digest]
        names = (f" {digest}{last - offset}" for digest, last in reversed(done.items()))
        return "".join(_limited(_METADATA_BEGINS, names))


def _limited(begins: str, texts: Iterator[str]) -> Iterator[str]:
    yield begins
    size = len(begins)
    for text in texts:
        size += len(text)
        if size > _METADATA_BYTES:
            return
        yield text


def _identity(segment: Segment) -> int:
    """A number that is equal for a segment that is sent again."""
    return hash((stream_of(segment), segment.result.sequence, segment.result.causation_id))


def _digest(key: _Key) -> str:
    return hashlib.sha256("\0".join(key).encode()).hexdigest()[:_DIGEST_DIGITS]
