"""What a record of a topic changes in the index. Headers are read leniently: an input may be anything."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import ConsumerRecord

from schemas import DeadLetter, Position, RawAudio, Record, Rejection
from schemas import headers as h
from schemas.topics import COMPRESSED, DEAD_LETTER, RAW, RECORDINGS
from streams.api.index.identity import id_of_input, recording_id
from streams.api.schemas import milliseconds_of
from streams.clients.messages import record_of

#: The topics that the index is made from, by their logical names; the index stores their place in this list.
TOPICS = (RAW, RECORDINGS, COMPRESSED, DEAD_LETTER)
Value = str | int | float | bytes | None
_INT64_DIGITS = 19


@dataclass(frozen=True, slots=True)
class Change:
    """The columns that a record sets.

    Attributes:
        id: The recording.
        kind: Which part of it is set: ``input``, ``result`` or ``letter``.
        columns: Values by column.
    """

    id: str
    kind: str
    columns: Mapping[str, Value]


def change_of(message: ConsumerRecord, logical: str, numbers: Mapping[str, int]) -> Change | None:
    """What a record changes; None if it cannot be read.

    Args:
        message: The record.
        logical: Logical name of its topic.
        numbers: Places of the topics in `TOPICS`, by their full names.
    """
    record = record_of(message)
    position = Position(message.topic, message.partition, message.offset)
    if logical == COMPRESSED:
        return _of_result(record, position)
    if logical == DEAD_LETTER:
        return _of_letter(record, position)
    return _of_input(record, position, numbers)


def _of_input(record: Record, position: Position, numbers: Mapping[str, int]) -> Change:
    value = record.value or b""
    headers = dict(record.headers)
    sha256 = hashlib.sha256(value).digest() if h.DATA_REF not in headers else _digest(headers.get(h.SHA256))
    seal_key = _digest(headers.get(h.SEAL_KEY))
    columns: dict[str, Value] = {
        **_about(record),
        "in_topic": numbers[position.topic],
        "in_partition": position.partition,
        "in_offset": position.offset,
        "in_size": len(value),
        "in_sha256": sha256 if seal_key is None else None,  # that of sealed bytes says nothing about the audio
        "in_type": _text(headers.get(h.CONTENT_TYPE)),
        "in_ms": record.timestamp_ms or 0,
        "in_latest": position.offset,
        "in_seal_key": seal_key,
    }
    return Change(id_of_input(record, position), "input", columns)


def _of_letter(record: Record, position: Position) -> Change | None:
    letter = DeadLetter.from_record(record)
    if isinstance(letter, Rejection):
        return None
    columns: dict[str, Value] = {
        **_about(letter.original),
        "dead_partition": position.partition,
        "dead_offset": position.offset,
        "dead_ms": record.timestamp_ms or 0,
        "dead_input": letter.position.offset,
        "dead_seal_key": _digest(dict(record.headers).get(h.SEAL_KEY)),
        "stage": letter.rejection.stage,
        "code": letter.rejection.code,
        "field": letter.rejection.field,
        "explanation": letter.rejection.reason,
    }
    return Change(id_of_input(letter.original, letter.position), "letter", columns)


def _of_result(record: Record, position: Position) -> Change | None:
    headers = dict(record.headers)
    text = {name: _text(value) for name, value in headers.items()}
    source, cause = text.get(h.CAUSATION_SOURCE), text.get(h.CAUSATION_ID)
    if cause is None or text.get(h.SHA256) is None:
        return None
    size = _integer(text.get(h.DATA_BYTES)) if h.DATA_REF in headers else len(record.value or b"")
    columns: dict[str, Value] = {
        **_about(record),
        "out_partition": position.partition,
        "out_offset": position.offset,
        "out_ms": record.timestamp_ms or 0,
        "out_size": size,
        "out_sha256": _digest(headers.get(h.SHA256)),
        "out_type": text.get(h.CONTENT_TYPE),
        "level": _integer(text.get(h.LEVEL)),
        "codec": text.get(h.CODEC),
        "reason": text.get(h.REASON),
        "quality": float(text.get(h.QUALITY) or 0),
        "duration_ms": _integer(text.get(h.DURATION_MS)),
        "sample_rate": _integer(text.get(h.SAMPLE_RATE)),
        "audio_channels": _integer(text.get(h.AUDIO_CHANNELS)),
        "original_bytes": _integer(text.get(h.ORIGINAL_BYTES)),
        "by_reference": int(h.DATA_REF in headers),
        "seal_key": _digest(headers.get(h.SEAL_KEY)),
    }
    return Change(recording_id(source or "", cause), "result", columns)


def _about(record: Record) -> dict[str, Value]:
    """Whose it is and which part of which call, from an input or a result."""
    headers = dict(record.headers)
    reader = h.HeaderReader(record.headers)
    if reader.is_structured and isinstance(event := RawAudio.from_record(record), RawAudio):
        headers = dict(event.to_record().headers)
    text = {name: _text(value) for name, value in headers.items()}
    return {
        "hotel": text.get(h.HOTEL_ID),
        "call": text.get(h.CALL_ID),
        "channel": text.get(h.CHANNEL),
        "stream": text.get(h.STREAM_ID),
        "sequence": _integer(text.get(h.SEQUENCE)),
        "lost_ms": _integer(text.get(h.LOST_MS)),
        "final": int(text.get(h.FINAL) == "true"),
        "time_ms": _time_ms(text.get(h.TIME), record.timestamp_ms or 0),
    }


def _text(value: bytes | None) -> str | None:
    """A header's text, shortened to what the contract allows: an input may have anything."""
    return None if value is None else value.decode(errors="replace")[: h.MAX_TEXT]


def _integer(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < _INT64_DIGITS else None


def _digest(value: bytes | None) -> bytes | None:
    try:
        return bytes.fromhex((value or b"").decode()) or None
    except ValueError:
        return None


def _time_ms(text: str | None, otherwise: int) -> int:
    try:
        moment = datetime.fromisoformat((text or "").upper())
        return otherwise if moment.tzinfo is None else milliseconds_of(moment.astimezone(UTC))
    except (ValueError, OverflowError):  # no time, or one beyond the years 1 to 9999
        return otherwise
