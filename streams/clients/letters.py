"""Dead letters as an operator sees them: which are meant, and which can be sent in again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schemas import DeadLetter, Rejection
from schemas.headers import HOTEL_ID
from schemas.record_size import batch_bytes


class Place(NamedTuple):
    """Where a dead letter stands on its topic."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"


@dataclass(frozen=True, slots=True)
class Refused:
    """A record of the topic ``audio.dead-letter``.

    Attributes:
        place: Where it stands.
        refused_ms: When it was written, in milliseconds since the epoch.
        letter: What it holds, or why it cannot be read.
    """

    place: Place
    refused_ms: int
    letter: DeadLetter | Rejection

    @property
    def hotel(self) -> str | None:
        """The hotel that its input names, whatever was wrong with it."""
        if isinstance(self.letter, Rejection):
            return None
        named = [value for name, value in self.letter.original.headers if name == HOTEL_ID and value is not None]
        return named[0].decode("utf-8", "replace") if named else None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant: those to which everything applies that is given.

    Attributes:
        reason: The code of their rejection.
        hotel: Their input's hotel.
        since_ms: The first moment of their refusal, in milliseconds since the epoch.
        until_ms: The first moment after it.
    """

    reason: str | None = None
    hotel: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def everything(self) -> bool:
        """Whether nothing is given."""
        return self == _EVERYTHING

    def takes(self, refused: Refused) -> bool:
        """Whether a dead letter is meant."""
        if self.since_ms is not None and refused.refused_ms < self.since_ms:
            return False
        if self.until_ms is not None and refused.refused_ms >= self.until_ms:
            return False
        if self.hotel is not None and refused.hotel != self.hotel:
            return False
        letter = refused.letter
        return self.reason is None or (isinstance(letter, DeadLetter) and letter.rejection.code == self.reason)


_EVERYTHING = Choice()


def obstacle(refused: Refused, partitions: Mapping[str, Collection[int]], limits: Mapping[str, int]) -> str | None:
    """Why an input cannot be sent in again; None where it can.

    Args:
        refused: Its dead letter.
        partitions: Of every topic that exists.
        limits: Bytes that a topic takes in one record, where that is known.
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
    """Why the input's topic does not take it."""
    topic, partition = letter.position.topic, letter.position.partition
    if topic not in partitions:
        return f"its topic {topic} does not exist"
    if partition not in partitions[topic]:
        return f"its topic {topic} has no partition {partition}"
    size, limit = batch_bytes(letter.original), limits.get(topic)
    if limit is not None and size > limit:
        return f"it takes {size} bytes, {topic} takes {limit} in a record"
    return None
