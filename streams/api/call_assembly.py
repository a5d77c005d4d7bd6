"""Puts a call together from what the index says: no record is read before its audio is wanted."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus

from starlette.exceptions import HTTPException

from schemas import CompressedAudio
from schemas.raw_audio import CHANNELS
from streams.api.audio_files import read_from_thread, result_file, whole
from streams.api.context import ApiContext
from streams.api.index.recording import Recording, Result
from streams.api.representation import state_of
from streams.clients.assembling import assemble
from streams.clients.calls import Call
from streams.clients.track_parts import Segment


def assembled(context: ApiContext, recordings: Sequence[Recording]) -> Call | None:
    """The call of some recordings, as far as they have results; None if none has.

    What is erased, or past its retention, is a segment that is silent; what has no result is missing.

    Args:
        context: The process's parts.
        recordings: All of the call, in the order of their times.
    """
    found = [_segment(one, one.result, state_of(one, context.feeder)) for one in recordings if one.result is not None]
    return assemble(found) if found else None


def _segment(recording: Recording, result: Result, state: str) -> Segment:
    problem = None if state == "done" else f"is {state}"
    return Segment(_event(recording, result), result.position, result.appended_ms, result.sha256, problem)


def _event(recording: Recording, result: Result) -> CompressedAudio:
    """The result without its audio. What the index does not have is empty, as nothing here asks for it."""
    channel = recording.channel if recording.channel in CHANNELS else None
    return CompressedAudio(
        id=recording.id,
        source="",
        time=datetime.fromtimestamp(recording.time_ms / 1000, UTC),
        content_type=result.content_type,
        hotel_id=recording.hotel or "",
        call_id=recording.call or "",
        channel=channel,
        stream_id=recording.stream or f"{recording.call}:{channel or 'any'}",
        sequence=recording.sequence,
        lost_ms=recording.lost_ms,
        final=recording.final,
        causation_id=recording.id,
        level=result.level,
        codec=result.codec,
        original_bytes=result.original_bytes,
        duration_ms=result.duration_ms,
        sample_rate=result.sample_rate,
        audio_channels=result.audio_channels,
        quality=result.quality,
        cache="miss",
        pcm_sha256=result.sha256,
        encoder="",
        position=result.position,
        audio=b"",
    )


class SegmentFiles:
    """Fetches the files of segments, for a thread.

    Args:
        context: The process's parts.
        loop: The event loop, which fetches.
    """

    def __init__(self, context: ApiContext, loop: asyncio.AbstractEventLoop) -> None:
        self._context = context
        self._loop = loop

    def __call__(self, segment: Segment) -> bytes:
        """The file of a segment; empty if it is not there any more, or is not what it was.

        Raises:
            HTTPException: As `streams.api.audio_files.whole`.
            FetchFailedError: If the brokers do not answer.
        """
        return read_from_thread(self._read(segment), self._loop)

    async def _read(self, segment: Segment) -> bytes:
        try:
            return await whole(self._context, await result_file(self._context, segment.position))
        except HTTPException as error:
            if error.status_code == HTTPStatus.GONE:
                return b""
            raise
