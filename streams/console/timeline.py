"""Where the segments of a call lie on one time axis, in the units of its picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest
from operator import attrgetter

from streams.console.recordings import Segment

WIDTH = 1000  # of the picture, in its own units
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
_MOST_TICKS = 10
_LEAST_GAP_MS = 100  # shorter ones are how clocks differ
_LEAST_WIDTH = 3.0
_ORDER = ("guest", "agent", "mixed", "prompt")


@dataclass(frozen=True, slots=True)
class Block:
    """A segment on the axis; ``x`` and ``width`` in units of the picture."""

    segment: Segment
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Gap:
    """Time of a channel without audio, between two of its segments; ``milliseconds`` is its length."""

    x: float
    width: float
    milliseconds: int


@dataclass(frozen=True, slots=True)
class Row:
    """A channel of a call."""

    channel: str
    blocks: tuple[Block, ...]
    gaps: tuple[Gap, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of the axis."""

    x: float
    seconds: int


@dataclass(frozen=True, slots=True)
class Timeline:
    """A call: its channels below each other, and the axis."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    length_ms: int


def timeline(segments: Sequence[Segment]) -> Timeline:
    """The picture of a call.

    Args:
        segments: Its segments, in order.
    """
    length = max((one.start_ms + (one.duration_ms or 0) for one in segments), default=0)
    scale = WIDTH / max(length, 1)
    grouped = groupby(sorted(segments, key=lambda one: (_rank(one.channel), one.channel)), attrgetter("channel"))
    rows = tuple(_row(channel, list(found), scale) for channel, found in grouped)
    return Timeline(rows, _ticks(length, scale), length)


def _rank(channel: str) -> int:
    return _ORDER.index(channel) if channel in _ORDER else len(_ORDER)


def _row(channel: str, segments: list[Segment], scale: float) -> Row:
    segments.sort(key=attrgetter("start_ms"))
    ends = [_end(one, after, scale) for one, after in zip_longest(segments, segments[1:])]
    blocks = tuple(
        Block(one, one.start_ms * scale, max((end - one.start_ms) * scale, _LEAST_WIDTH))
        for one, end in zip(segments, ends, strict=True)
    )
    gaps = []
    for end, after in zip(ends, segments[1:], strict=False):
        missing = round(after.start_ms - end)
        if missing >= _LEAST_GAP_MS:
            gaps.append(Gap(end * scale, missing * scale, missing))
    return Row(channel, blocks, tuple(gaps))


def _end(segment: Segment, after: Segment | None, scale: float) -> float:
    """Where a segment ends; one of unknown length reaches to the next one, or as far as the axis."""
    if segment.duration_ms is not None:
        return segment.start_ms + segment.duration_ms
    return WIDTH / scale if after is None else after.start_ms


def _ticks(length_ms: int, scale: float) -> tuple[Tick, ...]:
    step = next((one for one in _STEPS_S if length_ms / 1000 / one <= _MOST_TICKS), _STEPS_S[-1])
    return tuple(Tick(second * 1000 * scale, second) for second in range(0, length_ms // 1000 + 1, step))
