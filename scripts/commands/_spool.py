"""Keeps the segments of calls on disk while a topic is read, so that memory holds one call at a time."""

import pickle  # nosec B403 # nothing but what this process has written is read
import sqlite3
from dataclasses import replace

from streams.clients.track_parts import Segment

_TABLE = """
create table segments (
    hotel text, call text, partition integer, "offset" integer, id text, appended integer, segment blob, audio blob
)
"""
_INDEX = 'create unique index places on segments (hotel, call, partition, "offset", id)'
_AUDIO = 'select audio from segments where hotel = ? and call = ? and partition = ? and "offset" = ? and id = ?'


class Spool:
    """A temporary database of segments, whose file has no name and ends with the process."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("pragma journal_mode = off")
        self._database.execute(_TABLE)
        self._database.execute(_INDEX)

    def add(self, segment: Segment, *, audio: bool) -> None:
        """Keep a segment, with its file or without."""
        result = segment.result
        self._database.execute(
            "insert into segments values (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *_place(segment),
                segment.appended_ms,
                pickle.dumps(replace(segment, result=replace(result, audio=b""))),
                result.audio if audio else None,
            ),
        )

    def has(self, segment: Segment) -> bool:
        """Whether a segment is kept, from whichever source it came."""
        return self._database.execute(_AUDIO, _place(segment)).fetchone() is not None

    def calls(self) -> list[tuple[str, str]]:
        """Hotel and call id of every call, the one that began first at first."""
        return self._database.execute(
            "select hotel, call from segments group by hotel, call order by min(appended), hotel, call"
        ).fetchall()

    def count(self) -> int:
        """Number of segments whose files are kept."""
        (number,) = self._database.execute("select count(audio) from segments").fetchone()
        return int(number)

    def segments(self, hotel_id: str, call_id: str) -> list[Segment]:
        """The segments of a call in the order of the topic, without their files."""
        rows = self._database.execute(
            'select segment from segments where hotel = ? and call = ? order by appended, partition, "offset"',
            (hotel_id, call_id),
        )
        return [pickle.loads(row) for (row,) in rows]  # noqa: S301  # nosec B301 # written by this process

    def audio(self, segment: Segment) -> bytes:
        """The file of a segment that was kept with it."""
        (audio,) = self._database.execute(_AUDIO, _place(segment)).fetchone()
        return bytes(audio)

    def close(self) -> None:
        """Remove everything."""
        self._database.close()


def _place(segment: Segment) -> tuple[str, str, int, int, str]:
    """What names a segment: its call, its place in the topic, and its id, as the topic may have been made again."""
    result, place = segment.result, segment.position
    return result.hotel_id, result.call_id, place.partition, place.offset, result.id
