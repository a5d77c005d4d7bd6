"""Calls: their segments in order, and what is missing."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from schemas import headers as h
from streams.api.call_streams import CallStream, streams_of
from streams.api.cursors import Cursor
from streams.api.index.recording import Recording
from streams.api.openapi import problem_answer
from streams.api.operations import Call, json_of, operation
from streams.api.parameters import Parameter
from streams.api.representation import represented
from streams.api.routes.recordings import CURSOR, HOTEL, OTHER_LIST, cursor_of, filters_of
from streams.api.schemas import SCHEMAS, exact, or_null, reference
from streams.security.roles import Permission

TAG = "calls"
_MOST = 5000  # segments of an answer
_TEXT = {"type": "string"}
_NUMBER = {"type": "integer", "minimum": 0}
ID = Parameter(
    "id",
    "path",
    {"type": "string", "minLength": 1, "maxLength": h.MAX_ID},
    "The call's id, as its segments have it.",
    True,
)
LIMIT = Parameter(
    "limit", "query", {"type": "integer", "minimum": 1, "maximum": _MOST}, f"Segments, from 1 to {_MOST}."
)
UNKNOWN = problem_answer(404, "No call of yours has this id.")
SEVERAL = problem_answer(409, "Calls of several hotels have this id; name one with `hotel`.")
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
        "segmentCount": {**_NUMBER, "description": "Of the whole call, on whichever page."},
        "segments": {"type": "array", "items": reference("Recording")},
        "cursor": or_null(_TEXT),
        "gaps": {"type": "array", "items": reference("Gap")},
        "final": {"type": "boolean", "description": "Whether each channel has had the segment that is its last one."},
        "complete": {"type": "boolean", "description": "It has ended, nothing is missing, and everything is done."},
    }
)
_PAGE = "(time_ms, coalesce(sequence, -1), id)"


@operation(
    "GET",
    "/v1/calls/{id}",
    tag=TAG,
    permission=Permission.CALLS,
    parameters=(ID, HOTEL, LIMIT, CURSOR),
    answers={
        200: json_of("Call", "The call; `cursor` leads to further segments, and is null with the last ones."),
        404: UNKNOWN,
        409: SEVERAL,
        422: OTHER_LIST,
    },
)
async def get_call(call: Call) -> Response:
    """A call: its segments in order, and what is missing.

    Segments are in the order in which their audio began, those of all channels together. Everything else is about the
    whole call, also where `segments` are a part of it.
    """
    hotel = await hotel_of(call)
    limit, filters = call.integer("limit", _MOST), filters_of(call, "limit", "cursor")
    cursor = cursor_of(call, filters)
    streams = await asyncio.to_thread(streams_of, call.context, hotel, call.text("id") or "")
    page = await asyncio.to_thread(_page, call, hotel, cursor, limit + 1)
    shown = page[:limit]
    following = Cursor(shown[-1].time_ms, shown[-1].id).text(filters) if len(page) > limit else None
    return JSONResponse(
        {
            "id": call.text("id"),
            "hotel": hotel,
            **summary(streams),
            "segments": [represented(one, call.context.feeder) for one in shown],
            "cursor": following,
        }
    )


async def hotel_of(call: Call) -> str | None:
    """The hotel of the call that the path names; None if its segments do not say.

    Raises:
        HTTPException: 404, also if it is another's; 409, if calls of several hotels have the id.
    """
    statement = "SELECT DISTINCT hotel FROM recordings WHERE call = ?"
    rows = await asyncio.to_thread(call.context.index.query, statement, [call.text("id") or ""])
    wanted = call.text("hotel")
    found = [row["hotel"] for row in rows if call.caller.sees(row["hotel"]) and wanted in (None, row["hotel"])]
    if not found:
        raise HTTPException(HTTPStatus.NOT_FOUND, UNKNOWN.description)
    if len(found) > 1:
        raise HTTPException(HTTPStatus.CONFLICT, SEVERAL.description)
    hotel: str | None = found[0]
    return hotel


def summary(streams: Sequence[CallStream]) -> dict[str, Any]:
    """What there is to say of a whole call."""
    gaps = [{"channel": one.channel, "first": first, "last": last} for one in streams for first, last in one.gaps()]
    final = all(one.ended for one in streams)
    return {
        "channels": sorted({one.channel for one in streams if one.channel is not None}),
        "segmentCount": sum(one.segments for one in streams),
        "gaps": gaps,
        "final": final,
        "complete": final and not gaps and all(one.done == one.segments for one in streams),
    }


def _page(call: Call, hotel: str | None, cursor: Cursor | None, limit: int) -> list[Recording]:
    values: list[str | int | bytes | None] = [call.text("id"), hotel]
    condition = "WHERE call = ? AND hotel IS ?"
    if cursor is not None:
        last = call.context.index.get(cursor.id)
        sequence = None if last is None else last.sequence
        condition += f" AND {_PAGE} > (?, ?, ?)"
        values += [cursor.time_ms, -1 if sequence is None else sequence, cursor.key]
    condition += " ORDER BY time_ms, coalesce(sequence, -1), id LIMIT ?"
    return call.context.index.select(condition, [*values, limit])


ROUTES = (get_call,)
