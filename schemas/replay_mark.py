"""The event of the topic ``audio.replays``: a dead letter whose input was sent again, so that it is not sent twice."""

import json
from dataclasses import dataclass

from schemas.dead_letter import DeadLetter
from schemas.record import Record


@dataclass(frozen=True, slots=True)
class ReplayMark:
    """A mark, written in the transaction that sends the input again.

    Attributes:
        key: Which input was refused: its topic, partition, offset and timestamp. They are in the dead letter's headers,
            so that the mark also holds for a copy of both topics, whose offsets are others.
        letter: The dead letter's partition and offset, for people.
    """

    key: bytes
    letter: str

    @classmethod
    def of(cls, letter: DeadLetter, place: str) -> "ReplayMark":
        """The mark of a dead letter.

        Args:
            letter: The dead letter.
            place: Its partition and offset.
        """
        topic, partition, offset = letter.position.topic, letter.position.partition, letter.position.offset
        time = "" if letter.original.timestamp_ms is None else letter.original.timestamp_ms
        return cls(f"{topic}/{partition}/{offset}/{time}".encode(), place)

    def to_record(self) -> Record:
        """Write the event for the topic ``audio.replays``."""
        return Record(self.key, json.dumps({"letter": self.letter}).encode())
