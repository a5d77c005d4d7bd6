"""An input that could not be served: exactly as it came, with the reason beside it."""

from dataclasses import dataclass
from typing import cast, get_args

from schemas import headers as h
from schemas.record import Position, Record
from schemas.rejection import Rejection, Stage

TOPIC = "__connect.errors.topic"
PARTITION = "__connect.errors.partition"
OFFSET = "__connect.errors.offset"
STAGE = "__connect.errors.stage"
CODE = "__connect.errors.exception.class.name"
MESSAGE = "__connect.errors.exception.message"

_NAMES = (TOPIC, PARTITION, OFFSET, STAGE, CODE, MESSAGE)
_SEPARATOR = ": "


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused input, intact, and why it was refused.

    Attributes:
        original: The input's key, value, headers and timestamp, untouched.
        position: Where the input stands in Kafka.
        rejection: The reason; its field must not contain a colon followed by a blank.
    """

    original: Record
    position: Position
    rejection: Rejection

    def to_record(self) -> Record:
        """Write it for the topic ``audio.dead-letter``.

        Six headers, named as Kafka Connect names them, follow the original's.
        """
        reason = h.encoded(
            {
                TOPIC: self.position.topic,
                PARTITION: self.position.partition,
                OFFSET: self.position.offset,
                STAGE: self.rejection.stage,
                CODE: self.rejection.code,
                MESSAGE: self.rejection.message,
            }
        )
        return Record(
            self.original.key, self.original.value, self.original.headers + reason, self.original.timestamp_ms
        )

    @classmethod
    def from_record(cls, record: Record) -> "DeadLetter | Rejection":
        """Read a record of the topic ``audio.dead-letter``.

        An original may carry such headers itself, for instance one that was sent again after an earlier
        refusal: the last of each name is this dead letter's, the others are the original's.

        Returns:
            The dead letter, or a `Rejection` of the first of the six headers that is missing or malformed.
        """
        last = {name: at for at, (name, _) in enumerate(record.headers) if name in _NAMES}
        reader = h.HeaderReader(tuple(record.headers[at] for at in last.values()))
        position = Position(reader.text(TOPIC), reader.integer(PARTITION), reader.integer(OFFSET, high=h.MAX_OFFSET))
        stage = reader.one_of(STAGE, get_args(Stage))
        code = reader.text(CODE)
        field, separator, reason = reader.prose(MESSAGE).partition(_SEPARATOR)
        if not separator:
            reader.refuse("MalformedHeader", MESSAGE, "must name a field, then a colon, a blank and the rule")
        if reader.problem is not None:
            return reader.problem
        headers = tuple(header for at, header in enumerate(record.headers) if at not in last.values())
        return cls(
            Record(record.key, record.value, headers, record.timestamp_ms),
            position,
            Rejection(cast("Stage", stage), code, field, reason),
        )
