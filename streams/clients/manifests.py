"""The manifest of a call: what it has, what is missing, and where each part of it is. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from schemas.headers import time_text
from streams.clients.calls import Call, Track
from streams.clients.track_parts import Gap, Segment


@dataclass(frozen=True, slots=True)
class PlacedPart:
    """Where a part of a track lies.

    Attributes:
        part: A segment, or missing ones.
        file: Name of its file; None where nothing was written for it.
        frame: Its first sample frame in the file; None for a file of its own.
        frames: Its length in sample frames; None for a file of its own.
        problem: Why a segment is silence.
    """

    part: Segment | Gap
    file: str | None
    frame: int | None = None
    frames: int | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class WrittenTrack:
    """What was written of a track.

    Attributes:
        track: The track.
        parts: Where its parts are.
        form: Rate in Hz and channels of its file; None for segments as they are.
        side: ``left`` or ``right`` in a stereo file; None in a file of its own.
    """

    track: Track
    parts: list[PlacedPart] = field(default_factory=list)
    form: tuple[int, int] | None = None
    side: str | None = None


def manifest_of(call: Call, written: Sequence[WrittenTrack]) -> dict[str, Any]:
    """The manifest of a call, as plain data for JSON: all of `summary`, its files, and its tracks with their parts."""
    silent = [
        f"{one.track.name}: segment {part.part.result.sequence} is silence: {part.problem}"
        for one in written
        for part in one.parts
        if not isinstance(part.part, Gap) and part.part.intact and part.problem is not None
    ]
    told = summary(call)
    return told | {
        "complete": told["complete"] and not silent,
        "problems": told["problems"] + silent,
        "files": sorted({part.file for one in written for part in one.parts if part.file is not None}),
        "tracks": [_track_data(one) for one in written],
    }


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


def _track_data(written: WrittenTrack) -> dict[str, Any]:
    form = written.form
    rate, channels = (None, None) if form is None else form
    return track_data(written.track) | {
        "rate": rate,
        "audioChannels": channels if written.side is None else 1,
        "side": written.side,
        "gaps": [gap_data(one.part) | _place(one) for one in written.parts if isinstance(one.part, Gap)],
        "segments": [segment_data(one.part) | _place(one) for one in written.parts if not isinstance(one.part, Gap)],
    }


def _place(part: PlacedPart) -> dict[str, Any]:
    return {"file": part.file, "atFrame": part.frame, "frames": part.frames, "problem": part.problem}


def _began(call: Call) -> datetime:
    """When a call began; where its segments have no times, when the first of them was appended to the topic."""
    return call.begin or min(_appended(one) for track in call.tracks for one in track.segments)


def _appended(segment: Segment) -> datetime:
    return datetime.fromtimestamp(segment.appended_ms / 1000, UTC)
