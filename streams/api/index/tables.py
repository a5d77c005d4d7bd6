"""The tables of the index, and the statements that write them."""

import sqlite3
from collections.abc import Sequence
from functools import cache

#: Grows with every change of the tables: an index with another number is made again.
VERSION = 5

#: Rows are in the order in which they came, as are those of three indexes: ids are random, and a table in their order
#: would write all over the file.
TABLES = """
CREATE TABLE recordings (
    id BLOB NOT NULL UNIQUE, hotel TEXT, call TEXT, channel TEXT, stream TEXT, sequence INTEGER, lost_ms INTEGER,
    final INTEGER NOT NULL, time_ms INTEGER NOT NULL,
    in_topic INTEGER, in_partition INTEGER, in_offset INTEGER, in_size INTEGER, in_sha256 BLOB, in_type TEXT,
    in_ms INTEGER, in_latest INTEGER, in_seal_key BLOB,
    out_partition INTEGER, out_offset INTEGER, out_ms INTEGER, out_size INTEGER, out_sha256 BLOB, out_type TEXT,
    level INTEGER, codec TEXT, reason TEXT, quality REAL, duration_ms INTEGER, sample_rate INTEGER,
    audio_channels INTEGER, original_bytes INTEGER, by_reference INTEGER, seal_key BLOB,
    dead_partition INTEGER, dead_offset INTEGER, dead_ms INTEGER, dead_input INTEGER, dead_seal_key BLOB,
    stage TEXT, code TEXT, field TEXT, explanation TEXT
);
CREATE INDEX by_time ON recordings (time_ms, id);
CREATE INDEX by_hotel ON recordings (hotel, time_ms, id);
CREATE INDEX by_call ON recordings (call);
CREATE INDEX by_refusal ON recordings (dead_ms, id) WHERE dead_ms IS NOT NULL;
CREATE TABLE positions (topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, partition));
CREATE TABLE installation (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

SET_POSITION = "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET next = excluded.next"

#: Of each part, the column that is NULL where the part is not known yet.
_KNOWN = {"input": "in_topic", "result": "out_offset", "letter": "dead_offset"}
_SAME_HOTEL = " WHERE hotel IS NULL OR excluded.hotel IS NULL OR hotel = excluded.hotel"
#: Columns of every part: the first record that says them counts.
_ABOUT = frozenset({"hotel", "call", "channel", "stream", "sequence", "lost_ms", "final"})


@cache
def upsert(kind: str, columns: Sequence[str]) -> str:
    """The statement that sets the columns of a change.

    An input or a result that came first stays: a second one is an attempt to send the same again. Of dead letters the
    latest counts. What says that it is of another hotel is none of this recording, whatever its id: nobody is shown
    what became of another's input.

    Args:
        kind: As in `streams.api.index.changes.Change`.
        columns: Names of the columns that it sets, without the id.
    """
    known = _KNOWN[kind]
    updates = [_update(kind, known, column) for column in columns]
    return (
        f"INSERT INTO recordings (id, {', '.join(columns)}) VALUES ({', '.join('?' * (len(columns) + 1))})"  # noqa: S608
        f" ON CONFLICT (id) DO UPDATE SET {', '.join(updates)}{_SAME_HOTEL if 'hotel' in columns else ''}"
    )


def _update(kind: str, known: str, column: str) -> str:
    if column == "time_ms":  # without a time of its own, an input's is that of its record, and a result's is later
        return "time_ms = min(time_ms, excluded.time_ms)"
    if column in _ABOUT:
        return f"{column} = coalesce({column}, excluded.{column})"
    if column == "in_latest":
        return "in_latest = max(coalesce(in_latest, -1), excluded.in_latest)"
    if kind == "letter":
        return f"{column} = excluded.{column}"
    return f"{column} = CASE WHEN {known} IS NULL THEN excluded.{column} ELSE {column} END"


def is_current(database: sqlite3.Connection) -> bool:
    """Whether a file has these tables."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    return bool(version == VERSION)
