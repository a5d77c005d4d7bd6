"""The media streams of a call: which of their segments came, and whether each has ended."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from schemas.record import TopicPartition
from schemas.topics import COMPRESSED
from streams.api.context import ApiContext
from streams.api.index.changes import TOPICS
from streams.api.index.recording import Recording

_SEGMENTS = """
SELECT channel, stream, sequence, final, out_partition, out_offset, seal_key FROM recordings
WHERE call = ? AND hotel IS ?
"""


@dataclass(slots=True)
class CallStream:
    """One media stream of a call.

    Attributes:
        channel: Its channel; None if unknown.
        segments: How many came.
        done: How many have a result that can be heard.
        numbers: Their numbers within the stream.
        ended: Whether one of them says that it is the last one.
    """

    channel: str | None
    segments: int = 0
    done: int = 0
    numbers: set[int] = field(default_factory=set)
    ended: bool = False

    def add(self, sequence: int | None, *, final: bool, done: bool) -> None:
        """Count a segment."""
        self.segments += 1
        self.done += done
        if sequence is not None:
            self.numbers.add(sequence)
        self.ended |= final

    def gaps(self) -> Iterator[tuple[int, int]]:
        """First and last number of what is missing, from 0 on."""
        expected = 0
        for number in sorted(self.numbers):
            if number > expected:
                yield expected, number - 1
            expected = number + 1


def recordings_of(context: ApiContext, hotel: str | None, call: str, most: int) -> list[Recording]:
    """The first recordings of a call, in the order in which their audio began; it waits for the index."""
    condition = "WHERE call = ? AND hotel IS ? ORDER BY time_ms, coalesce(sequence, -1), id LIMIT ?"
    return context.index.select(condition, [call, hotel, most])


class _Key(NamedTuple):
    channel: str | None
    stream: str | None


def streams_of(context: ApiContext, hotel: str | None, call: str) -> list[CallStream]:
    """The streams of a call; it waits for the index."""
    found: defaultdict[_Key, CallStream] = defaultdict(lambda: CallStream(None))
    compressed = context.index.topics[TOPICS.index(COMPRESSED)]
    for row in context.index.query(_SEGMENTS, [call, hotel]):
        place, key = TopicPartition(compressed, row["out_partition"] or 0), row["seal_key"]
        done = (
            row["out_offset"] is not None
            and row["out_offset"] >= context.feeder.first_offset(place)
            and (key is None or context.feeder.gone(key) is None)
        )
        default = f"{call}:{row['channel'] or 'any'}"  # which a result says, and an input need not
        stream = found[_Key(row["channel"], row["stream"] or default)]
        stream.channel = row["channel"]
        stream.add(row["sequence"], final=bool(row["final"]), done=done)
    return list(found.values())
