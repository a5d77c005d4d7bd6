"""Presentation of dead letters: as lines, and as data for scripts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from schemas import Record, Rejection
from schemas.headers import DATA_REF
from scripts.tables import ReportTable
from streams.clients.letters import LetterPosition, LetterRecord
from streams.security.sealing.sealed_record import is_sealed

_TITLES = ("letter", "refused", "input's time", "call", "input", "bytes", "step", "code", "reason")


@dataclass(frozen=True, slots=True)
class LetterView:
    """The shown parts of a dead letter, without its audio.

    Attributes:
        place: Its position.
        refused_ms: When it was written, in milliseconds since the epoch.
        size: Bytes of its input's value.
        obstacle: Why its input cannot be sent again; None if it can.
        data: All fields, for scripts.
    """

    place: LetterPosition
    refused_ms: int
    size: int
    obstacle: str | None
    data: dict[str, Any]


def view_of(refused: LetterRecord, obstacle: str | None) -> LetterView:
    """The view of a dead letter.

    Args:
        refused: The dead letter.
        obstacle: Why its input cannot be sent again; None if it can.
    """
    letter = refused.letter
    data: dict[str, Any] = {
        "letter": str(refused.place),
        "refused": time_of(refused.refused_ms),
        "obstacle": obstacle,
    }
    if isinstance(letter, Rejection):
        return LetterView(refused.place, refused.refused_ms, 0, obstacle, data | {"unreadable": letter.message})
    position, rejection, whole = letter.position, letter.rejection, letter.cut.value_bytes
    size = len(letter.original.value or b"") if whole is None else whole
    data |= {
        "hotel": refused.hotel,
        "call": (letter.original.key or b"").decode("utf-8", "replace"),
        "topic": position.topic,
        "partition": position.partition,
        "offset": position.offset,
        "time": time_of(letter.original.timestamp_ms),
        "bytes": size,
        "dataref": _reference(letter.original),
        "sealed": is_sealed(letter.original),
        "stage": rejection.stage,
        "code": rejection.code,
        "reason": rejection.message,
    }
    return LetterView(refused.place, refused.refused_ms, size, obstacle, data)


def _reference(original: Record) -> str | None:
    """Where the input's audio lies; None where it is its value."""
    values = [value for name, value in original.headers if name == DATA_REF and value is not None]
    return values[0].decode("utf-8", "replace") if values else None


def lines(found: Sequence[LetterView]) -> Iterator[str]:
    """One line for each letter, in columns with titles."""
    rows = [_TITLES, *map(_row, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def table(found: Sequence[LetterView]) -> ReportTable:
    """The same for people at a terminal."""
    made = ReportTable(*_TITLES)
    for one in found:
        made.add_row(*_row(one))
    return made


def _row(one: LetterView) -> tuple[str, ...]:
    data = one.data
    if "unreadable" in data:
        return (data["letter"], data["refused"], "", "", "", "", "", "", printable(data["unreadable"]))
    return (
        data["letter"],
        data["refused"],
        data["time"],
        printable(data["call"]),
        f"{data['partition']}:{data['offset']}",
        str(data["bytes"]) if data["dataref"] is None else "by reference",
        data["stage"],
        data["code"],
        printable(data["reason"]),
    )


def time_of(milliseconds: int | None) -> str:
    """A record's time as ISO 8601; the number itself if it is out of range, empty if there is none."""
    if milliseconds is None or milliseconds < 0:
        return ""
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):  # a sender's clock may say anything
        return f"{milliseconds} ms"


def printable(text: str) -> str:
    """A text from outside without terminal control characters."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
