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
_MOST_BLOCKS = 300  # of a channel; more could neither be told apart nor hit
#: What is shown of segments that share a block, the worst last.
_STATES = ("done", "expired", "erased", "queued", "dead")
_ORDER = ("guest", "agent", "mixed", "prompt")


@dataclass(frozen=True, slots=True)
class Block:
    """A segment on the axis, or the worst of several; ``x`` and ``width`` in units of the picture."""

    segment: Segment
    x: float
    width: float
    count: int = 1


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

    @property
    def merged(self) -> bool:
        """Whether there are blocks of several segments."""
        return any(block.count > 1 for row in self.rows for block in row.blocks)


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
    if len(blocks) <= _MOST_BLOCKS:
        return Row(channel, blocks, tuple(gaps))
    return Row(channel, _merged(blocks), tuple(one for one in gaps if one.width >= WIDTH / _MOST_BLOCKS))


def _merged(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Blocks that begin close together as one."""
    found: list[Block] = []
    for one in blocks:
        before = found[-1] if found else None
        if before is None or one.x - before.x >= WIDTH / _MOST_BLOCKS:
            found.append(one)
        else:
            worst = max(before.segment, one.segment, key=_badness)
            found[-1] = Block(worst, before.x, one.x + one.width - before.x, before.count + 1)
    return tuple(found)


def _badness(segment: Segment) -> tuple[int, int]:
    return _STATES.index(segment.state), segment.level or 0


def _end(segment: Segment, after: Segment | None, scale: float) -> float:
    """Where a segment ends; one of unknown length reaches to the next one, or as far as the axis."""
    if segment.duration_ms is not None:
        return segment.start_ms + segment.duration_ms
    return WIDTH / scale if after is None else after.start_ms


def _ticks(length_ms: int, scale: float) -> tuple[Tick, ...]:
    step = next((one for one in _STEPS_S if length_ms / 1000 / one <= _MOST_TICKS), _STEPS_S[-1])
    return tuple(Tick(second * 1000 * scale, second) for second in range(0, length_ms // 1000 + 1, step))
