"""Sending recordings."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Any, cast

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from schemas import MediaType, RawAudio, Rejection
from schemas import headers as h
from schemas import media_type as types
from schemas.raw_audio import CHANNELS, Channel, frame_problem
from streams.api.inbox import OtherContentError, Upload
from streams.api.index.identity import event_id, recording_id
from streams.api.index.recording import Recording
from streams.api.openapi import problem_answer
from streams.api.operations import Body, Call, json_of, operation
from streams.api.parameters import PRINTABLE, Parameter
from streams.api.representation import represented
from streams.api.routes.recordings import TAG
from streams.clients.errors import ContractError, HotelAudioError, KeysUnavailableError
from streams.security.roles import Permission

log = structlog.get_logger(__name__)

#: The ``ce_source`` of what is sent over HTTP.
SOURCE = "urn:hotel-audio-streams:api"
#: What may be sent, as in the contract; raw audio with its usual parameters.
MEDIA_TYPES = (
    f"{types.L16};rate=8000",
    f"{types.SLIN};rate=8000",
    types.PCMU,
    types.PCMA,
    types.GSM,
    types.G722,
    types.WAV,
    types.FLAC,
    types.OGG,
    types.MPEG,
)
_WAIT = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?([0-9]{1,4})\"?", re.IGNORECASE)
_LONGEST_WAIT = 60  # seconds
_ID = {"type": "string", "minLength": 1, "maxLength": h.MAX_ID, "pattern": PRINTABLE}
_PARAMETERS = (
    Parameter("hotel", "query", _ID, "The hotel, of 1 to 255 characters.", True, "lisbon"),
    Parameter("call", "query", _ID, "The call's id, of 1 to 255 characters; without it, the recording is a call."),
    Parameter("channel", "query", {"type": "string", "enum": list(CHANNELS)}, "Who speaks: one of the channels."),
    Parameter(
        "sequence", "query", {"type": "integer", "minimum": 0, "maximum": h.MAX_INTEGER}, "Number within the channel."
    ),
    Parameter("final", "query", {"type": "string", "enum": ["true", "false"]}, "Whether it is the call's last one."),
    Parameter("time", "query", {"type": "string", "format": "date-time"}, "When the audio began, as RFC 3339."),
    Parameter(
        "Idempotency-Key",
        "header",
        {"type": "string", "pattern": "^[!-~]{1,255}$"},
        "1 to 255 printable characters without blanks: what is sent again with the same key is the same recording.",
    ),
    Parameter(
        "Guest-Reference",
        "header",
        {"type": "string", "pattern": "^[A-Za-z0-9._:~=-]{1,128}$"},
        "Whose call it is, as an opaque reference of the hotel's, so that all of a guest can be erased; never a name.",
    ),
    Parameter("Prefer", "header", {"type": "string"}, "wait=N waits up to N seconds for the result, 60 at most."),
)
_LINKS = {name: {"id": "$response.body#/id"} for name in ("get_recording", "get_audio", "head_audio", "get_original")}
_ACCEPTED = {"Location": "The recording.", "Retry-After": "Seconds after which it is worth to look."}


@operation(
    "POST",
    "/v1/recordings",
    tag=TAG,
    permission=Permission.SEND,
    parameters=_PARAMETERS,
    body=Body(MEDIA_TYPES, "The audio: its bytes, as they are."),
    answers={
        200: json_of("Recording", "With `Prefer: wait`: it has an outcome.", links=_LINKS),
        202: json_of("Recording", "It is durable, and will be processed.", headers=_ACCEPTED, links=_LINKS),
        408: problem_answer(408, "The body does not arrive."),
        413: problem_answer(413, "The recording is too large."),
        415: problem_answer(415, "The media type is none that is taken in."),
        422: problem_answer(422, "The audio breaks the contract, or the key came with other audio before."),
    },
)
async def post_recording(call: Call) -> Response:
    """Send a recording, or a segment of a call.

    The answer comes when all in-sync replicas of the brokers have it. What is too large for a record goes to the object
    store first. Whether it is audio is found out afterwards: see the recording's state.
    """
    hotel = call.text("hotel") or ""
    if not call.caller.sees(hotel):
        raise HTTPException(HTTPStatus.FORBIDDEN, "Your hotels do not include this one.")
    media_type = _media_type(call)
    if not call.context.readiness.holds("brokers_answer"):
        raise _unavailable("The brokers do not answer.", 5)
    if not call.context.readiness.holds("policies_loaded"):  # one may demand that it is sealed
        raise _unavailable("The hotels' policies are not read yet.", 1)
    number = event_id(hotel, call.text("Idempotency-Key"))
    async with call.context.bodies.read(call.request) as upload:
        event = _event(call, number, hotel, media_type)
        _check(event, upload)
        recording = await _accepted(call, event, upload)
    return await _answer(call, recording)


async def _accepted(call: Call, event: RawAudio, upload: Upload) -> Recording:
    try:
        return await call.context.inbox.accept(event, upload)
    except OtherContentError:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, "This Idempotency-Key came with other audio before; use a new one."
        ) from None
    except ContractError as error:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    except KeysUnavailableError as error:
        raise _unavailable(f"It has to be sealed: {error}.", 5) from None
    except HotelAudioError as error:
        log.warning("api_not_accepted", error=type(error).__name__, reason=str(error))
        raise _unavailable("It is not certain that the brokers have it; send it again with the same key.", 5) from None


async def _answer(call: Call, recording: Recording) -> Response:
    headers = {"Location": f"/v1/recordings/{recording.id}"}
    seconds = _wait(call.text("Prefer"))
    if seconds:
        headers["Preference-Applied"] = f"wait={seconds}"
        recording = await call.context.inbox.outcome(recording.id, seconds) or recording
        if recording.outcome != "queued":
            return JSONResponse(represented(recording, call.context.feeder), headers=headers)
    headers["Retry-After"] = "1"
    return JSONResponse(represented(recording, call.context.feeder), HTTPStatus.ACCEPTED, headers)


def _media_type(call: Call) -> MediaType:
    given = call.request.headers.getlist("content-type")
    found = MediaType.parse(given[0]) if len(given) == 1 else None
    if isinstance(found, MediaType):
        return found
    reason = "Say what it is in Content-Type, once." if found is None else f"{found.message}."
    raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, reason)


def _event(call: Call, number: str, hotel: str, media_type: MediaType) -> RawAudio:
    return RawAudio(
        id=number,
        source=SOURCE,
        hotel_id=hotel,
        call_id=call.text("call") or recording_id(SOURCE, number),
        media_type=media_type,
        audio=b"",
        time=cast("datetime | None", call.values.get("time")),
        channel=cast("Channel | None", call.text("channel")),
        sequence=cast("int | None", call.values.get("sequence")),
        final=call.text("final") == "true",
        guest_ref=call.text("Guest-Reference"),
    )


def _check(event: RawAudio, upload: Upload) -> None:
    problem: Rejection | None = None if upload.size == 0 else frame_problem(event, upload.size)
    if upload.size == 0:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, "The body is empty; send at least one sample of audio.")
    if problem is not None:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, problem.message)


def _wait(prefer: str | None) -> int:
    match = _WAIT.search(prefer or "")
    return min(int(match[1]), _LONGEST_WAIT) if match else 0


def _unavailable(reason: str, seconds: int) -> HTTPException:
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": str(seconds)})


ROUTES: tuple[Any, ...] = (post_recording,)
