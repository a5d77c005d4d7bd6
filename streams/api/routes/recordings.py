"""Recordings: what was sent, and what became of it."""

from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from streams.api.index.recording import Recording
from streams.api.openapi import problem_answer
from streams.api.operations import Call, json_of, operation
from streams.api.parameters import Parameter
from streams.api.representation import represented
from streams.security.roles import Permission

TAG = "recordings"
ID = Parameter(
    "id", "path", {"type": "string", "format": "uuid"}, "The recording's id, as the answer to sending it has it.", True
)
UNKNOWN = problem_answer(404, "No recording of yours has this id.")


def found(call: Call) -> Recording:
    """The recording that the path names, if it is the caller's to see.

    Raises:
        HTTPException: 404. Whose recording it is otherwise is not told.
    """
    recording = call.context.index.get(call.text("id") or "")
    if recording is None or not call.caller.sees(recording.hotel):
        raise HTTPException(HTTPStatus.NOT_FOUND, UNKNOWN.description)
    return recording


@operation(
    "GET",
    "/v1/recordings/{id}",
    tag=TAG,
    permission=Permission.CALLS,
    parameters=(ID,),
    answers={200: json_of("Recording", "The recording."), 404: UNKNOWN},
)
async def get_recording(call: Call) -> Response:
    """A recording, its state and what became of it.

    ``queued``: accepted and not yet processed. ``done``: there is a result. ``dead``: it was refused, and
    ``refusal`` says why. ``expired``: the result is past its retention. ``erased``: nobody can read it any more.
    """
    return JSONResponse(represented(found(call), call.context.feeder))


ROUTES = (get_recording,)
