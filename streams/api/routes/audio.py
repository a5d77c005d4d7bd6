"""The bytes of recordings: the result and the original, whole or in part."""

from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from schemas import media_type as types
from streams.api.audio_files import AudioFile, as_wav, original_file, parts, result_file
from streams.api.byte_ranges import Part, selected
from streams.api.index.recording import Recording
from streams.api.openapi import problem_answer
from streams.api.operations import Answer, Call, operation
from streams.api.parameters import Parameter
from streams.api.representation import state_of
from streams.api.routes.recordings import ID, TAG, UNKNOWN, found
from streams.security.roles import Permission

_FORMAT = Parameter("format", "query", {"type": "string", "enum": ["wav"]}, "`wav` decodes it.")
_PARAMETERS = (
    ID,
    _FORMAT,
    Parameter("Range", "header", {"type": "string"}, "One range of bytes; what is none is ignored."),
    Parameter("If-Range", "header", {"type": "string"}, "The range counts if this is the entity tag."),
    Parameter("If-None-Match", "header", {"type": "string"}, "Nothing is sent if this is the entity tag."),
)
_TYPES = (types.OGG, types.FLAC, types.MPEG, types.WAV)
_HEADERS = {"ETag": "The digest of the file.", "Accept-Ranges": "bytes"}
_ANSWERS = {
    200: Answer("The file.", None, _TYPES, _HEADERS),
    206: Answer("The part of it that was asked for.", None, _TYPES, {**_HEADERS, "Content-Range": "Which part it is."}),
    304: Answer("It is what you have.", None, (), _HEADERS),
    404: UNKNOWN,
    409: problem_answer(409, "There is no result: not yet, or because it was refused."),
    410: problem_answer(410, "It is past its retention, or was erased."),
    413: problem_answer(413, "It is too large to be decoded."),
    416: problem_answer(416, "The range begins behind the end."),
    422: problem_answer(422, "It cannot be decoded."),
}
_ORIGINAL_ANSWERS = {
    **_ANSWERS,
    200: Answer("The audio as it was sent.", None, ("*/*",), _HEADERS),
    206: Answer("The part of it that was asked for.", None, ("*/*",), {**_HEADERS, "Content-Range": "Which part."}),
    409: problem_answer(409, "Its input is not known."),
}


@operation(
    "GET",
    "/v1/recordings/{id}/audio",
    tag=TAG,
    permission=Permission.AUDIO,
    parameters=_PARAMETERS,
    answers=_ANSWERS,
)
async def get_audio(call: Call) -> Response:
    """The small file of a recording.

    Players need `Range` to seek. It is written to the audit who hears what.
    """
    recording = await found(call)
    state = state_of(recording, call.context.feeder)
    if state in {"expired", "erased"}:
        raise HTTPException(HTTPStatus.GONE, f"It is {state}.")
    result = recording.result
    if result is None:
        reason = "It is not processed yet." if state == "queued" else "It was refused; the recording says why."
        raise HTTPException(HTTPStatus.CONFLICT, reason, {"Retry-After": "1"} if state == "queued" else None)
    return await _sent(call, recording, await result_file(call.context, result.position))


@operation(
    "HEAD",
    "/v1/recordings/{id}/audio",
    tag=TAG,
    permission=Permission.AUDIO,
    parameters=_PARAMETERS,
    answers={status: Answer(one.description, None, (), one.headers) for status, one in _ANSWERS.items()},
)
async def head_audio(call: Call) -> Response:
    """The size and digest of the small file."""
    return await get_audio.handler(call)


@operation(
    "GET",
    "/v1/recordings/{id}/original",
    tag=TAG,
    permission=Permission.AUDIO,
    parameters=_PARAMETERS,
    answers=_ORIGINAL_ANSWERS,
)
async def get_original(call: Call) -> Response:
    """A recording as it was sent.

    It is there as long as the input's topic keeps it, which is shorter than the result; also of what was refused.
    """
    recording = await found(call)
    original = recording.original
    if original is None:
        raise HTTPException(HTTPStatus.GONE, "It is past its retention.")
    return await _sent(call, recording, await original_file(call.context, original.position, original.sha256))


async def _sent(call: Call, recording: Recording, file: AudioFile) -> Response:
    if call.text("format") == "wav":
        file = await as_wav(call.context, file)
    headers = {
        "ETag": f'"{file.tag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",  # asked again each time: what was erased must not be heard
        "Content-Type": file.media_type,
        "Content-Disposition": "inline",
        "Content-Security-Policy": "sandbox",  # the bytes are a sender's
    }
    selection = selected(call.request.headers, headers["ETag"], file.size)
    if selection == "unchanged":
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    if selection == "unsatisfiable":
        raise HTTPException(
            HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            f"It has {file.size} bytes.",
            {"Content-Range": f"bytes */{file.size}"},
        )
    start, end, status = 0, file.size, HTTPStatus.OK
    if isinstance(selection, Part):
        start, end, status = selection.start, selection.end, HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    headers["Content-Length"] = str(end - start)
    if call.request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    objects = [f"hotel:{recording.hotel}", f"call:{recording.call}"]
    await call.context.audit.heard(call.caller, "listen", recording.id, objects)
    return await _streamed(parts(call.context, file, start, end), status, headers)


async def _streamed(reading: AsyncIterator[bytes], status: int, headers: dict[str, str]) -> Response:
    """An answer whose first part is there, so that an error can still be told."""
    first = await anext(reading, b"")

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for part in reading:
            yield part

    return StreamingResponse(rest(), status, headers)


ROUTES = (get_audio, head_audio, get_original)
