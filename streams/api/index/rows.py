"""Recordings from rows of the index."""

import sqlite3
import uuid
from collections.abc import Sequence

from schemas import Position
from schemas.topics import COMPRESSED, DEAD_LETTER
from streams.api.index.changes import TOPICS
from streams.api.index.recording import Original, Recording, Refusal, Result

_COMPRESSED, _DEAD_LETTER = TOPICS.index(COMPRESSED), TOPICS.index(DEAD_LETTER)


def recording_of(row: sqlite3.Row, topics: Sequence[str]) -> Recording:
    """The recording of a row.

    Args:
        row: All columns of ``recordings``.
        topics: Full names of the topics in the order of `TOPICS`.
    """
    return Recording(
        id=str(uuid.UUID(bytes=row["id"])),
        hotel=row["hotel"],
        call=row["call"],
        channel=row["channel"],
        stream=row["stream"],
        sequence=row["sequence"],
        final=bool(row["final"]),
        lost_ms=row["lost_ms"],
        time_ms=row["time_ms"],
        original=None if row["in_topic"] is None else _original(row, topics[row["in_topic"]]),
        result=None if row["out_offset"] is None else _result(row, topics[_COMPRESSED]),
        refusal=None if row["dead_offset"] is None else _refusal(row, topics[_DEAD_LETTER]),
    )


def _original(row: sqlite3.Row, topic: str) -> Original:
    return Original(
        position=Position(topic, row["in_partition"], row["in_offset"]),
        size=row["in_size"],
        sha256=None if row["in_sha256"] is None else row["in_sha256"].hex(),
        content_type=row["in_type"],
        appended_ms=row["in_ms"],
        latest_offset=row["in_latest"],
        seal_key=row["in_seal_key"],
    )


def _result(row: sqlite3.Row, topic: str) -> Result:
    return Result(
        position=Position(topic, row["out_partition"], row["out_offset"]),
        size=row["out_size"] or 0,
        sha256=(row["out_sha256"] or b"").hex(),
        content_type=row["out_type"] or "application/octet-stream",
        appended_ms=row["out_ms"],
        level=row["level"] or 0,
        codec=row["codec"] or "",
        reason=row["reason"],
        quality=row["quality"],
        duration_ms=row["duration_ms"] or 0,
        sample_rate=row["sample_rate"] or 0,
        audio_channels=row["audio_channels"] or 0,
        original_bytes=row["original_bytes"] or 0,
        by_reference=bool(row["by_reference"]),
        seal_key=row["seal_key"],
    )


def _refusal(row: sqlite3.Row, topic: str) -> Refusal:
    return Refusal(
        position=Position(topic, row["dead_partition"], row["dead_offset"]),
        appended_ms=row["dead_ms"],
        input_offset=row["dead_input"],
        stage=row["stage"],
        code=row["code"],
        field=row["field"],
        reason=row["explanation"],
        seal_key=row["dead_seal_key"],
    )
