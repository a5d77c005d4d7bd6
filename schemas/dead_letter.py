"""The event of the topic ``audio.dead-letter``: an input that was refused, unchanged, with the reason in headers."""

import hashlib
from dataclasses import dataclass, replace
from typing import cast, get_args

from schemas import headers as h
from schemas.record import Position, Record
from schemas.record_size import batch_bytes, leading
from schemas.rejection import Rejection, Stage

TOPIC = "__connect.errors.topic"
PARTITION = "__connect.errors.partition"
OFFSET = "__connect.errors.offset"
STAGE = "__connect.errors.stage"
CODE = "__connect.errors.exception.class.name"
MESSAGE = "__connect.errors.exception.message"
TIMESTAMP = "__connect.errors.timestamp"
VALUE_BYTES = "__connect.errors.value.bytes"
VALUE_SHA256 = "__connect.errors.value.sha256"
HEADER_COUNT = "__connect.errors.headers.count"
KEY_BYTES = "__connect.errors.key.bytes"
LAST_OFFSET = "__connect.errors.offset.last"
RAW_HEADERS = "__connect.errors.headers.raw"

_REQUIRED = (TOPIC, PARTITION, OFFSET, STAGE, CODE, MESSAGE)
_OPTIONAL = (TIMESTAMP, VALUE_BYTES, VALUE_SHA256, HEADER_COUNT, KEY_BYTES, LAST_OFFSET, RAW_HEADERS)
_SEPARATOR = ": "

#: Bytes that are kept of a part that is too large: the beginning of a value or key, and the first headers.
EXCERPT_BYTES = 64 * 2**10


@dataclass(frozen=True, slots=True)
class Cut:
    """Original sizes of the parts of an input that a dead letter has truncated; None for a part that is complete.

    Attributes:
        value_bytes: Length of the value in bytes.
        value_sha256: SHA-256 of the value, in hex.
        header_count: Number of headers.
        key_bytes: Length of the key in bytes.
    """

    value_bytes: int | None = None
    value_sha256: str | None = None
    header_count: int | None = None
    key_bytes: int | None = None


NOTHING_CUT = Cut()


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A refused input and the reason.

    The timestamp of its record is the time of the refusal, so that retention counts from there. The input's own
    timestamp is in a header.

    Attributes:
        original: The input's key, value, headers and timestamp, unchanged except for the parts in ``cut``.
        position: The input's topic, partition and offset.
        rejection: The reason; its field must not contain a colon followed by a blank.
        cut: Which parts of the original are truncated, because the whole record would be too large for the topic.
        last_offset: The last offset that this dead letter stands for, where the records of a batch cannot be separated;
            the value is then the batch.
        raw_headers: The original's headers in Kafka's format, beginning with their count, where ``original`` cannot
            represent them: there, names that are not UTF-8 have backslash escapes, and too many headers are left out.
    """

    original: Record
    position: Position
    rejection: Rejection
    cut: Cut = NOTHING_CUT
    last_offset: int | None = None
    raw_headers: bytes | None = None

    @property
    def whole(self) -> bool:
        """Whether the original is complete, so that it can be sent again."""
        return self.cut == NOTHING_CUT and self.rejection.stage != "record"

    def to_record(self) -> Record:
        """Write the event for the topic ``audio.dead-letter``.

        The original's headers come first, then six headers with Kafka Connect's names, then the original's timestamp
        and the original sizes of truncated parts.

        Returns:
            The record, without a timestamp: the broker sets it.
        """
        reason = h.encoded(
            {
                TOPIC: self.position.topic,
                PARTITION: self.position.partition,
                OFFSET: self.position.offset,
                STAGE: self.rejection.stage,
                CODE: self.rejection.code,
                MESSAGE: self.rejection.message,
                TIMESTAMP: self.original.timestamp_ms,
                VALUE_BYTES: self.cut.value_bytes,
                VALUE_SHA256: self.cut.value_sha256,
                HEADER_COUNT: self.cut.header_count,
                KEY_BYTES: self.cut.key_bytes,
                LAST_OFFSET: self.last_offset,
            }
        )
        if self.raw_headers is not None:
            reason += ((RAW_HEADERS, self.raw_headers),)
        return Record(self.original.key, self.original.value, self.original.headers + reason)

    def fitted(self, max_bytes: int) -> "DeadLetter":
        """Truncate parts until the record fits the topic: the value first, then headers, key and raw headers.

        Each part is truncated to its first `EXCERPT_BYTES` bytes; of the headers, the first ones that fit into that
        size remain. Length and digest of a truncated value are kept.

        Args:
            max_bytes: The topic's ``max.message.bytes``.

        Returns:
            This dead letter if it fits, else one that fits, unless the limit is below the size of all excerpts.
        """
        letter = self
        for cut in (_cut_value, _cut_headers, _cut_key, _cut_raw_headers):
            if batch_bytes(letter.to_record()) <= max_bytes:
                break
            letter = cut(letter)
        return letter

    @classmethod
    def from_record(cls, record: Record) -> "DeadLetter | Rejection":
        """Read a record of the topic ``audio.dead-letter``.

        The original may have headers of these names itself, for instance if it was sent again after an earlier
        refusal. The last header of each required name and the optional ones after it belong to this dead letter; all
        others belong to the original. Dead letters of earlier releases have the input's timestamp as their own.

        Returns:
            The dead letter, or a `Rejection` that names the first header that is missing or malformed.
        """
        own = _own_headers(record)
        reader = h.HeaderReader(tuple(record.headers[at] for at in own))
        position = Position(reader.text(TOPIC), reader.integer(PARTITION), reader.integer(OFFSET, high=h.MAX_OFFSET))
        stage = reader.one_of(STAGE, get_args(Stage))
        code = reader.text(CODE)
        field, separator, reason = reader.prose(MESSAGE).partition(_SEPARATOR)
        if not separator:
            reader.refuse("MalformedHeader", MESSAGE, "must name a field, then a colon, a blank and the rule")
        timestamp = reader.optional_integer(TIMESTAMP, high=h.MAX_OFFSET)
        last_offset = reader.optional_integer(LAST_OFFSET, high=h.MAX_OFFSET)
        cut = Cut(
            reader.optional_integer(VALUE_BYTES),
            reader.digest(VALUE_SHA256) if reader.has(VALUE_SHA256) else None,
            reader.optional_integer(HEADER_COUNT),
            reader.optional_integer(KEY_BYTES),
        )
        if reader.problem is not None:
            return reader.problem
        return cls(
            Record(
                record.key,
                record.value,
                tuple(header for at, header in enumerate(record.headers) if at not in own),
                record.timestamp_ms if timestamp is None else timestamp,
            ),
            position,
            Rejection(cast("Stage", stage), code, field, reason),
            cut,
            last_offset,
            dict(record.headers[at] for at in own).get(RAW_HEADERS),
        )


def _own_headers(record: Record) -> set[int]:
    """Indices of the headers that the dead letter has added to the original's."""
    names = [name for name, _ in record.headers]
    last = {name: at for at, name in enumerate(names) if name in _REQUIRED}
    begin = last.get(TOPIC, len(names))
    last |= {name: at for at, name in enumerate(names) if name in _OPTIONAL and at > begin}
    return set(last.values())


def _cut_value(letter: DeadLetter) -> DeadLetter:
    value = letter.original.value or b""
    if len(value) <= EXCERPT_BYTES:
        return letter
    cut = replace(letter.cut, value_bytes=len(value), value_sha256=hashlib.sha256(value).hexdigest())
    return replace(letter, original=replace(letter.original, value=value[:EXCERPT_BYTES]), cut=cut)


def _cut_headers(letter: DeadLetter) -> DeadLetter:
    headers = letter.original.headers
    fitting = leading(headers, EXCERPT_BYTES)
    if len(fitting) == len(headers):
        return letter
    cut = replace(letter.cut, header_count=len(headers))
    return replace(letter, original=replace(letter.original, headers=fitting), cut=cut)


def _cut_key(letter: DeadLetter) -> DeadLetter:
    key = letter.original.key or b""
    if len(key) <= EXCERPT_BYTES:
        return letter
    cut = replace(letter.cut, key_bytes=len(key))
    return replace(letter, original=replace(letter.original, key=key[:EXCERPT_BYTES]), cut=cut)


def _cut_raw_headers(letter: DeadLetter) -> DeadLetter:
    raw = letter.raw_headers
    return letter if raw is None else replace(letter, raw_headers=raw[:EXCERPT_BYTES])
