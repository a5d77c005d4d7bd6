"""Calls: their segments in order, and what is missing."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from schemas import headers as h
from streams.api.index.recording import Recording
from streams.api.openapi import problem_answer
from streams.api.operations import Call, json_of, operation
from streams.api.parameters import Parameter
from streams.api.representation import represented
from streams.api.routes.recordings import HOTEL
from streams.api.schemas import SCHEMAS, exact, or_null, reference
from streams.security.roles import Permission

_TAG = "calls"
_MOST = 20_000  # segments of a call that are shown
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}
ID = Parameter(
    "id",
    "path",
    {"type": "string", "minLength": 1, "maxLength": h.MAX_ID},
    "The call's id, as its segments have it.",
    True,
)
SCHEMAS["Gap"] = exact(
    {
        "channel": or_null(_TEXT),
        "first": {**_NUMBER, "description": "Number of the first missing segment."},
        "last": {**_NUMBER, "description": "Number of the last missing segment."},
    }
)
SCHEMAS["Call"] = exact(
    {
        "id": _TEXT,
        "hotel": or_null(_TEXT),
        "channels": {"type": "array", "items": _TEXT},
        "segments": {"type": "array", "items": reference("Recording")},
        "gaps": {"type": "array", "items": reference("Gap")},
        "final": {"type": "boolean", "description": "Whether a segment said that it is the last one."},
        "complete": {"type": "boolean", "description": "It has ended, nothing is missing, and everything is done."},
    }
)


@operation(
    "GET",
    "/v1/calls/{id}",
    tag=_TAG,
    permission=Permission.CALLS,
    parameters=(ID, HOTEL),
    answers={
        200: json_of("Call", "The call."),
        404: problem_answer(404, "No call of yours has this id."),
        409: problem_answer(409, "Calls of several hotels have this id; name one with `hotel`."),
    },
)
async def get_call(call: Call) -> Response:
    """A call: its segments in order, and what is missing.

    Segments are in the order in which their audio began, those of all channels together.
    """
    hotel = call.text("hotel")
    of_hotel = "" if hotel is None else "AND hotel = ? "
    values: list[str | int | bytes] = [call.text("id") or "", *([] if hotel is None else [hotel]), _MOST]
    rows = await asyncio.to_thread(
        call.context.index.select, f"WHERE call = ? {of_hotel}ORDER BY time_ms, sequence, id LIMIT ?", values
    )
    found = [one for one in rows if call.caller.sees(one.hotel) and hotel in (None, one.hotel)]
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, "No call of yours has this id.")
    if len({one.hotel for one in found}) > 1:
        raise HTTPException(HTTPStatus.CONFLICT, "Calls of several hotels have this id; name one with `hotel`.")
    segments = [represented(one, call.context.feeder) for one in found]
    gaps = gaps_of(found)
    final = any(one.final for one in found)
    done = all(one["state"] == "done" for one in segments)
    return JSONResponse(
        {
            "id": call.text("id"),
            "hotel": found[0].hotel,
            "channels": sorted({one.channel for one in found if one.channel is not None}),
            "segments": segments,
            "gaps": gaps,
            "final": final,
            "complete": final and done and not gaps,
        }
    )


def gaps_of(segments: Sequence[Recording]) -> list[dict[str, Any]]:
    """Numbers that are missing between those of a stream's segments, from 0 on."""
    numbers: dict[tuple[str | None, str | None], set[int]] = defaultdict(set)
    for one in segments:
        if one.sequence is not None:
            numbers[one.channel, one.stream].add(one.sequence)
    found = []
    for (channel, _), known in numbers.items():
        expected = 0
        for number in sorted(known):
            if number > expected:
                found.append({"channel": channel, "first": expected, "last": number - 1})
            expected = number + 1
    return found


ROUTES = (get_call,)
