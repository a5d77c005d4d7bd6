"""Estimates: what compression would make of a file. Nothing is stored."""

import asyncio
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from schemas import MediaType, Policy, Rejection
from schemas import media_type as types
from streams.analysis.analysis import analyse_lazily
from streams.api.openapi import problem_answer
from streams.api.operations import Body, Call, json_of, operation
from streams.api.routes.recordings import HOTEL
from streams.api.routes.uploads import MEDIA_TYPES
from streams.api.schemas import SCHEMAS, exact
from streams.audio import Clip
from streams.compression import choose, encode, kept_reason, smallest
from streams.security.roles import Permission

_MOST_BYTES = 16 * 2**20
_MOST_SECONDS = 600
_UNLABELLED = MediaType.parse(types.WAV)  # a file is read as what it is, whatever file it is labelled as
_AT_A_TIME = asyncio.Semaphore(1)  # estimates must not take the processor from what is sent
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
SCHEMAS["Estimate"] = exact(
    {
        "originalBytes": _NUMBER,
        "bytes": _NUMBER,
        "contentType": _TEXT,
        "level": {"type": "integer", "minimum": 1, "maximum": 5},
        "codec": _TEXT,
        "reason": _TEXT,
        "quality": {"type": "number", "minimum": 0, "maximum": 5},
        "durationMs": _NUMBER,
    }
)


@operation(
    "POST",
    "/v1/estimates",
    tag="estimates",
    permission=Permission.CALLS,
    parameters=(HOTEL,),
    body=Body((*MEDIA_TYPES, "application/octet-stream"), "The audio: its bytes, as they are."),
    answers={
        200: json_of("Estimate", "What a worker without load would make of it."),
        413: problem_answer(413, f"It has more than 16 MiB or more than {_MOST_SECONDS} seconds."),
        415: problem_answer(415, "The media type is none."),
        422: problem_answer(422, "It cannot be decoded; the detail says why."),
    },
)
async def post_estimate(call: Call) -> Response:
    """What a file would become.

    It is compressed as a worker without load would, by the hotel's policy or the default one, and forgotten.
    """
    media_type = _media_type(call)
    hotel = call.text("hotel") or ""
    if hotel and not call.caller.sees(hotel):
        raise HTTPException(HTTPStatus.FORBIDDEN, "Your hotels do not include this one.")
    async with call.context.bodies.read(call.request) as upload:
        if upload.size > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "An estimate takes 16 MiB at most.")
        content = (
            upload.content if isinstance(upload.content, bytes) else await asyncio.to_thread(upload.content.read_bytes)
        )
        async with _AT_A_TIME:
            clip = await asyncio.to_thread(call.context.decoders.decode, content, media_type)
            if isinstance(clip, Rejection):
                raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"It cannot be decoded: {clip.reason}.")
            if clip.frames > _MOST_SECONDS * clip.rate:
                raise HTTPException(
                    HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"An estimate takes {_MOST_SECONDS} s at most."
                )
            policy = call.context.policies.of(hotel)
            return JSONResponse(await asyncio.to_thread(_estimate, clip, content, media_type, policy))


def _media_type(call: Call) -> MediaType:
    given = call.request.headers.get("content-type", "application/octet-stream")
    found = _UNLABELLED if given == "application/octet-stream" else MediaType.parse(given)
    if isinstance(found, Rejection):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{found.message}.")
    return found


def _estimate(clip: Clip, content: bytes, media_type: MediaType, policy: Policy) -> dict[str, Any]:
    decision = choose(clip, analyse_lazily(clip), policy, input_bytes=len(content))
    made = encode(clip, decision.plan)
    kept = smallest(made, clip, content, media_type, policy, input_quality=decision.plan.input_quality)
    return {
        "originalBytes": len(content),
        "bytes": len(kept.audio),
        "contentType": kept.content_type,
        "level": decision.plan.level,
        "codec": kept.codec,
        "reason": decision.reason if kept is made else kept_reason(clip.source),
        "quality": kept.quality,
        "durationMs": clip.duration_ms,
    }


ROUTES = (post_estimate,)
