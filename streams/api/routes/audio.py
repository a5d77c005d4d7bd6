"""The bytes of recordings: the result and the original, whole or in part."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response

from streams.api.audio_files import AudioFile, as_wav, original_file, result_file
from streams.api.file_answer import CONDITIONS, RESULT_TYPES, file_answer, file_answers, of_head
from streams.api.index.recording import Recording
from streams.api.openapi import problem_answer
from streams.api.operations import Call, operation
from streams.api.parameters import Parameter
from streams.api.representation import state_of
from streams.api.routes.recordings import ID, TAG, UNKNOWN, found
from streams.security.roles import Permission

_FORMAT = Parameter("format", "query", {"type": "string", "enum": ["wav"]}, "`wav` decodes it.")
_PARAMETERS = (ID, _FORMAT, *CONDITIONS)
_ANSWERS = {
    **file_answers(RESULT_TYPES),
    404: UNKNOWN,
    409: problem_answer(409, "There is no result: not yet, or because it was refused."),
}
_ORIGINAL_ANSWERS = {**file_answers(("*/*",), "The audio as it was sent."), 404: UNKNOWN}


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
    call.context.memory.hold(call.request.scope, 0 if result.by_reference else result.size)
    return await _sent(call, recording, await result_file(call.context, result.position))


@operation(
    "HEAD",
    "/v1/recordings/{id}/audio",
    tag=TAG,
    permission=Permission.AUDIO,
    parameters=_PARAMETERS,
    answers=of_head(_ANSWERS),
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
    if state_of(recording, call.context.feeder) == "erased":  # whatever of it is in clear
        raise HTTPException(HTTPStatus.GONE, "It is erased.")
    call.context.memory.hold(call.request.scope, original.size)
    return await _sent(call, recording, await original_file(call.context, original.position, original.sha256))


async def _sent(call: Call, recording: Recording, file: AudioFile) -> Response:
    if call.text("format") == "wav":
        file = await as_wav(call.context, file, call.request.url.path)
    objects = [f"recording:{recording.id}", f"hotel:{recording.hotel}", f"call:{recording.call}"]
    return await file_answer(call, file, objects)


ROUTES = (get_audio, head_audio, get_original)
