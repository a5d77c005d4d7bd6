"""Dead letters for operators: their position, a filter, and whether their input can be sent in again."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas import DeadLetter, Rejection
from schemas.headers import HOTEL_ID
from schemas.record_size import batch_bytes


class LetterPosition(NamedTuple):
    """The position of a dead letter in its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


def letter_ids(places: Iterable[LetterPosition]) -> list[str]:
    """The objects of an entry of the audit about dead letters."""
    return [f"dead-letter:{place}" for place in places]


@dataclass(frozen=True, slots=True)
class LetterRecord:
    """A record of the topic ``audio.dead-letter``.

    Attributes:
        place: Its position.
        refused_ms: The time of the refusal, when it was written, in milliseconds since the epoch.
        letter: The dead letter, or why it cannot be read.
    """

    place: LetterPosition
    refused_ms: int
    letter: DeadLetter | Rejection

    @property
    def hotel(self) -> str | None:
        """The hotel id in the input's headers, even if the input is invalid otherwise; None without one."""
        if isinstance(self.letter, Rejection):
            return None
        named = [value for name, value in self.letter.original.headers if name == HOTEL_ID and value is not None]
        return named[0].decode("utf-8", "replace") if named else None


@dataclass(frozen=True, slots=True)
class DeadLetterFilter:
    """A filter for dead letters; a letter has to match all the conditions that are not None.

    Attributes:
        reason: Code of the rejection.
        hotel: The input's hotel id.
        since_ms: Refused at this time or later, in milliseconds since the epoch.
        until_ms: Refused before this time, in milliseconds since the epoch.
    """

    reason: str | None = None
    hotel: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def everything(self) -> bool:
        """Whether the filter has no condition."""
        return self == _EVERYTHING

    def matches(self, refused: LetterRecord) -> bool:
        """Whether a dead letter matches all conditions."""
        if self.since_ms is not None and refused.refused_ms < self.since_ms:
            return False
        if self.until_ms is not None and refused.refused_ms >= self.until_ms:
            return False
        if self.hotel is not None and refused.hotel != self.hotel:
            return False
        letter = refused.letter
        return self.reason is None or (isinstance(letter, DeadLetter) and letter.rejection.code == self.reason)


_EVERYTHING = DeadLetterFilter()


def replay_obstacle(
    refused: LetterRecord, partitions: Mapping[str, Collection[int]], limits: Mapping[str, int]
) -> str | None:
    """Explain why an input cannot be sent in again; None if it can.

    Args:
        refused: Its dead letter.
        partitions: Partitions of each existing topic.
        limits: Largest record of each topic in bytes, where known.
    """
    letter = refused.letter
    if isinstance(letter, Rejection):
        return f"it cannot be read: {letter.message}"
    if letter.rejection.stage == "record":
        return "its input could not be read as a record, so there is none to send"
    if not letter.whole:
        return "its input was too large for a dead letter, which holds only the beginning"
    if letter.original.key is None and letter.original.value is None:
        return "its input has neither key nor value, which no client sends"
    return _closed(letter, partitions, limits)


def _closed(letter: DeadLetter, partitions: Mapping[str, Collection[int]], limits: Mapping[str, int]) -> str | None:
    """Explain why the input's topic does not accept it; None if it does."""
    topic, partition = letter.position.topic, letter.position.partition
    if topic not in partitions:
        return f"its topic {topic} does not exist"
    if partition not in partitions[topic]:
        return f"its topic {topic} has no partition {partition}"
    size, limit = batch_bytes(letter.original), limits.get(topic)
    if limit is not None and size > limit:
        return f"it takes {size} bytes, {topic} takes {limit} in a record"
    return None
