"""Puts the segments of a call in order: tracks, repeated segments, and gaps.

Pure, as `streams.clients.calls`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from statistics import median_low

from schemas import Channel
from schemas.raw_audio import CHANNELS
from streams.clients.calls import Call, Track
from streams.clients.track_parts import LONGEST_GAP_MS, Gap, Segment

#: Identifies a media stream of a call: stream id and channel.
StreamKey = tuple[str, Channel | None]

_FROM_THE_START: Mapping[StreamKey, int] = {}


def stream_of(segment: Segment) -> StreamKey:
    """The media stream of a segment."""
    return segment.result.stream_id, segment.result.channel


def assemble(
    segments: Sequence[Segment], first: Mapping[StreamKey, int] = _FROM_THE_START, *, continued: bool = False
) -> Call:
    """Put the segments of one call in order.

    Segments belong to one track if their stream and channel are equal. Where a stream's numbers start again with other
    audio, because its sender was restarted or has used the call id again, a further track begins.

    Args:
        segments: One or more results of the same hotel and call, in the order of the topic.
        first: The first number of each stream; 0 where it is not in here.
        continued: Whether the call's beginning was handed out before.
    """
    streams: dict[StreamKey, list[_Run]] = {}
    for segment in segments:
        runs = streams.setdefault(stream_of(segment), [_Run(first.get(stream_of(segment), 0))])
        if (new := runs[-1].add(segment)) is not None:
            runs.append(new)
    order = [*CHANNELS, None]
    found = sorted(
        ((stream, channel, run) for (stream, channel), runs in streams.items() for run in runs),
        key=lambda one: order.index(one[1]),
    )
    names = _names([channel for _, channel, _ in found])
    tracks = tuple(
        Track(name, channel, stream, tuple(run.parts()), tuple(run.repeated), tuple(run.differing))
        for name, (stream, channel, run) in zip(names, found, strict=True)
    )
    one = segments[0].result
    final = any(segment.result.final for segment in segments)
    return Call(one.hotel_id, one.call_id, tracks, final, continued)


@dataclass(slots=True)
class _Run:
    """The segments of a stream from one start of its numbers to the next."""

    start: int  # the number of its first segment
    taken: dict[int | str, Segment] = field(default_factory=dict)
    repeated: list[Segment] = field(default_factory=list)
    differing: list[Segment] = field(default_factory=list)
    #: Repeated segments with new ids, from the first number on: a new start whose audio has been the same until now.
    replayed: list[Segment] = field(default_factory=list)

    def add(self, segment: Segment) -> "_Run | None":
        """Take a segment; returns a new run if the numbers have started again."""
        result = segment.result
        key = result.causation_id if result.sequence is None else result.sequence
        known = self.taken.setdefault(key, segment)
        if known is segment:
            return None
        if segment.intact and not known.intact:
            self.taken[key] = segment
            self.repeated.append(known)
            return None
        again = known.result.causation_id == result.causation_id
        starts = result.sequence is not None and not again and result.sequence <= self._first
        if known.result.pcm_sha256 == result.pcm_sha256:
            self.repeated.append(segment)
            if starts or (self.replayed and not again):
                self.replayed = [segment] if starts else [*self.replayed, segment]
        elif starts or (self.replayed and not again):
            return self._restart(segment, [] if starts else self.replayed)
        else:
            self.differing.append(segment)
        return None

    def parts(self) -> Iterator[Segment | Gap]:
        """The segments by their numbers if all have one, with gaps; otherwise in the order of the topic."""
        segments = list(self.taken.values())
        if any(one.result.sequence is None for one in segments):
            return iter(segments)
        return _with_gaps(sorted(segments, key=_number), self.start)

    @property
    def _first(self) -> int:
        return min(key for key in self.taken if isinstance(key, int))

    def _restart(self, segment: Segment, replayed: list[Segment]) -> "_Run":
        self.repeated = [one for one in self.repeated if one not in replayed]
        new = _Run(0)
        for one in (*replayed, segment):
            new.add(one)
        return new


def _with_gaps(segments: Sequence[Segment], start: int) -> Iterator[Segment | Gap]:
    usual_ms = median_low([one.result.duration_ms for one in segments])
    if start < _number(segments[0]):
        yield _gap(start, _number(segments[0]) - 1, usual_ms)
    yield segments[0]
    for before, after in pairwise(segments):
        if _number(before) + 1 < _number(after):
            yield _between(before, after, usual_ms)
        yield after


def _between(before: Segment, after: Segment, usual_ms: int) -> Gap:
    first, last = _number(before) + 1, _number(after) - 1
    began, ended = before.result.time, after.result.time
    if began is not None and ended is not None:
        silent_ms = round((ended - began) / timedelta(milliseconds=1)) - before.result.duration_ms
        if 0 < silent_ms <= LONGEST_GAP_MS:
            return Gap(first, last, silent_ms, by_times=True)
    return _gap(first, last, usual_ms)


def _number(segment: Segment) -> int:
    return segment.result.sequence or 0


def _gap(first: int, last: int, usual_ms: int) -> Gap:
    length_ms = (last - first + 1) * usual_ms
    return Gap(first, last, length_ms if length_ms <= LONGEST_GAP_MS else 0, by_times=False)


def _names(channels: Iterable[Channel | None]) -> Iterator[str]:
    seen: dict[Channel | None, int] = {}
    for channel in channels:
        seen[channel] = seen.get(channel, 0) + 1
        yield (channel or "any") + (f".{seen[channel]}" if seen[channel] > 1 else "")
