"""Presents calls: as data for scripts and for the manifest beside a call's files, and as a table."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rich.table import Table

from schemas.headers import time_text
from scripts.cli import counted
from scripts.commands._letters import printable
from scripts.tables import ReportTable
from streams.clients.calls import Call, Track
from streams.clients.track_parts import Gap, Segment

_COLUMNS = ("hotel", "call", "begin", "duration", "channels", "segments", "missing", "complete")
_NUMBERS = {"duration", "segments", "missing"}


def table_of(summaries: Sequence[dict[str, Any]]) -> Table:
    """A table with a line for each call, from what `summary` returns."""
    table = ReportTable(title=counted(len(summaries), "call"), keys=2)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    for one in summaries:
        table.add_row(
            printable(one["hotel"]),
            printable(one["call"]),
            f"{one['begin'][:19].replace('T', ' ')}Z",
            length(one["durationMs"]),
            ", ".join(one["channels"]),
            str(one["segments"]),
            str(one["missing"]),
            "yes" if one["complete"] else f"no: {printable(one['problems'][0])}",
        )
    return table


def summary(call: Call) -> dict[str, Any]:
    """A call without its segments."""
    return {
        "hotel": call.hotel_id,
        "call": call.call_id,
        "begin": time_text(_began(call)),
        "durationMs": call.duration_ms,
        "channels": [track.name for track in call.tracks],
        "segments": call.segment_count,
        "missing": call.missing_count,
        "final": call.final,
        "complete": call.complete,
        "problems": call.problems,
        "notes": call.notes,
    }


def track_data(track: Track) -> dict[str, Any]:
    """A track without its parts."""
    return {
        "name": track.name,
        "channel": track.channel,
        "stream": track.stream_id,
        "begin": time_text(track.begin),
        "durationMs": track.duration_ms,
        "repeated": [segment_data(one) for one in track.repeated],
        "differing": [segment_data(one) for one in track.differing],
    }


def gap_data(gap: Gap) -> dict[str, Any]:
    """Missing segments."""
    how = "the times of the segments before and after" if gap.by_times else "the usual length of a segment"
    return {
        "first": gap.first,
        "last": gap.last,
        "durationMs": gap.duration_ms,
        "lengthFrom": how if gap.duration_ms else None,
    }


def segment_data(segment: Segment) -> dict[str, Any]:
    """A segment without its audio."""
    result = segment.result
    return {
        "sequence": result.sequence,
        "id": result.id,
        "input": result.causation_id,
        "begin": time_text(result.time),
        "durationMs": result.duration_ms,
        "lostMs": result.lost_ms,
        "final": result.final,
        "level": result.level,
        "codec": result.codec,
        "contentType": result.content_type,
        "quality": result.quality,
        "sha256": segment.sha256,
        "sha256Matches": segment.intact,
        "partition": segment.position.partition,
        "offset": segment.position.offset,
        "appended": time_text(_appended(segment)),
    }


def length(milliseconds: int) -> str:
    """A length as hours, minutes and seconds."""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"


def _began(call: Call) -> datetime:
    """When a call began; where its segments have no times, when the first of them was appended to the topic."""
    return call.begin or min(_appended(one) for track in call.tracks for one in track.segments)


def _appended(segment: Segment) -> datetime:
    return datetime.fromtimestamp(segment.appended_ms / 1000, UTC)
