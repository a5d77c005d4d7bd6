"""Ids of recordings in URLs: every input has one, however it came, and it is the same in every replica."""

import uuid

from schemas import Position, RawAudio, Record
from schemas import headers as h

#: The namespace of our ids; random, and never to be changed.
_NAMESPACE = uuid.UUID("5b0f1c1e-7d0a-4a53-9c55-0d7f3a8a5a61")


def recording_id(source: str, event_id: str) -> str:
    """The id of an input from its source and id, which are unique together."""
    return _id("event", source, event_id)


def event_id(hotel: str, idempotency_key: str | None) -> str:
    """The id of an event that is sent by HTTP: the same for the same key of a hotel, otherwise random."""
    return str(uuid.uuid4()) if idempotency_key is None else _id("key", hotel, idempotency_key)


def id_of_input(record: Record, position: Position) -> str:
    """The id of any input record; one without source and id has that of its position."""
    headers = dict(record.headers)
    source, number = headers.get(h.SOURCE), headers.get(h.ID)
    if source and number:
        return recording_id(source.decode(errors="replace"), number.decode(errors="replace"))
    event = RawAudio.from_record(record) if h.HeaderReader(record.headers).is_structured else None
    if isinstance(event, RawAudio):
        return recording_id(event.source, event.id)
    return id_of_position(position)


def id_of_position(position: Position) -> str:
    """The id of an input that has no other."""
    return _id("position", position.topic, str(position.partition), str(position.offset))


def _id(*parts: str) -> str:
    # Without the lengths, ("a", "bc") and ("ab", "c") would have the same id.
    return str(uuid.uuid5(_NAMESPACE, "".join(f"{len(part)}:{part}" for part in parts)))
