"""Estimates: what compression would make of a file. Nothing is stored."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
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
from streams.audio import Clip, DecodeLimits
from streams.audio.blocks import AudioBlocks, Block, collected
from streams.compression import choose, encode, kept_reason, smallest
from streams.sandbox import DecoderSandbox
from streams.security.roles import Permission

_MOST_BYTES = 16 * 2**20
_MOST_SECONDS = 600
#: What a file's header may say: the longest audio at the highest rate.
_LIMITS = DecodeLimits(max_pcm_bytes=_MOST_SECONDS * 2 * 2 * DecodeLimits().max_rate)
_UNLABELLED = MediaType.parse(types.WAV)  # a file is read as what it is, whatever file it is labelled as
_TOO_LONG = "AudioTooLong"
_AT_A_TIME = asyncio.Semaphore(1)  # estimates must not take the processor from what is sent
_WAITING = asyncio.Semaphore(8)
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
    if _WAITING.locked():
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE, "Too many estimates are waiting; try again.", {"Retry-After": "5"}
        )
    async with _WAITING, call.context.bodies.read(call.request, _MOST_BYTES) as upload, _AT_A_TIME:
        content = (
            upload.content if isinstance(upload.content, bytes) else await asyncio.to_thread(upload.content.read_bytes)
        )
        clip = await asyncio.to_thread(_decoded, call.context.decoders, content, media_type)
        if isinstance(clip, Rejection):
            too_long = clip.code == _TOO_LONG
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_long else HTTPStatus.UNPROCESSABLE_ENTITY
            raise HTTPException(status, f"It cannot be decoded: {clip.reason}.")
        policy = call.context.policies.of(hotel)
        return JSONResponse(await asyncio.to_thread(_estimate, clip, content, media_type, policy))


def _media_type(call: Call) -> MediaType:
    given = call.request.headers.get("content-type", "application/octet-stream")
    found = _UNLABELLED if given == "application/octet-stream" else MediaType.parse(given)
    if isinstance(found, Rejection):
        raise HTTPException(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{found.message}.")
    return found


def _decoded(decoders: DecoderSandbox, content: bytes, media_type: MediaType) -> Clip | Rejection:
    """Decode in a child process, and no more than an estimate takes, whatever the file has or says that it has."""
    with open(os.memfd_create("estimate"), "w+b") as file:  # noqa: PTH123  it has no path
        file.write(content)
        file.flush()
        audio = decoders.open_recording(file.fileno(), media_type, _LIMITS)
        if isinstance(audio, Rejection):
            return audio
        with closing(audio):
            return collected(replace(audio, blocks=_limited(audio)))


def _limited(audio: AudioBlocks) -> Iterator[Block]:
    frames = 0
    for block in audio.blocks:
        frames += 0 if isinstance(block, Rejection) else len(block)
        if frames > _MOST_SECONDS * audio.rate:
            yield Rejection("decode", _TOO_LONG, "value", f"an estimate takes {_MOST_SECONDS} s at most")
            return
        yield block


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
