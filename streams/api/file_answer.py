"""Answers with a file, whole or in part, as HTTP's conditions and ranges want it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from schemas import media_type as types
from streams.api.audio_files import AudioFile, parts
from streams.api.byte_ranges import Part, selected
from streams.api.openapi import problem_answer
from streams.api.operations import Answer, Call
from streams.api.parameters import Parameter

#: The headers that a request for a file may have.
CONDITIONS = (
    Parameter("Range", "header", {"type": "string"}, "One range of bytes; what is none is ignored."),
    Parameter("If-Range", "header", {"type": "string"}, "The range counts if this is the entity tag."),
    Parameter("If-None-Match", "header", {"type": "string"}, "Nothing is sent if this is the entity tag."),
)
#: Bytes that are sent without waiting until the client takes them.
_AT_ONCE = 64 * 2**10
_HEADERS = {"ETag": "The digest of the file.", "Accept-Ranges": "bytes"}


def file_answers(media_types: tuple[str, ...], whole: str = "The file.") -> dict[int, Answer]:
    """The answers that have to do with files and their parts."""
    part = {**_HEADERS, "Content-Range": "Which part it is."}
    return {
        200: Answer(whole, None, media_types, _HEADERS),
        206: Answer("The part of it that was asked for.", None, media_types, part),
        304: Answer("It is what you have.", None, (), _HEADERS),
        410: problem_answer(410, "It is past its retention, or was erased."),
        413: problem_answer(413, "It is too large to be decoded."),
        416: problem_answer(416, "The range begins behind the end."),
        422: problem_answer(422, "It cannot be decoded."),
    }


#: The media types of results.
RESULT_TYPES = (types.OGG, types.FLAC, types.MPEG, types.WAV)


def of_head(answers: Mapping[int, Answer]) -> dict[int, Answer]:
    """The answers of a request for the head of a file: without bodies."""
    return {status: Answer(one.description, None, (), one.headers) for status, one in answers.items()}


async def file_answer(call: Call, file: AudioFile, objects: Sequence[str]) -> Response:
    """The answer with a file; it is written to the audit first who is given it.

    Args:
        call: The request.
        file: The file.
        objects: What it is, as ids with their kind, for the audit.

    Raises:
        HTTPException: 416; or as `streams.api.audio_files.parts`, before the first part is sent.
    """
    headers = {
        "ETag": f'"{file.tag}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",  # asked again each time: what was erased must not be heard
        "Content-Type": file.media_type,
        "Content-Disposition": "inline",
        "Content-Security-Policy": "sandbox",  # the bytes are a sender's
    }
    head = call.request.method == "HEAD"
    ignored = "range" if head else None  # which is defined for GET alone
    asked = {name: value for name, value in call.request.headers.items() if name != ignored}
    selection = selected(asked, headers["ETag"], file.size)
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
    if head:
        return Response(status_code=status, headers=headers)
    await call.context.audit.heard(call.caller, "listen", objects)
    if file.content is not None and end - start <= _AT_ONCE:
        return Response(file.content[start:end], status, headers)
    return await _streamed(parts(call.context, file, start, end), status, headers)


async def _streamed(reading: AsyncIterator[bytes], status: int, headers: dict[str, str]) -> Response:
    """An answer whose first part is there, so that an error can still be told."""
    first = await anext(reading, b"")

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for part in reading:
            yield part

    return StreamingResponse(rest(), status, headers)
