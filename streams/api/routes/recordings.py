"""Recordings: what was sent, and what became of it."""

import asyncio
from datetime import datetime
from http import HTTPStatus
from typing import cast
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from schemas import headers as h
from schemas.raw_audio import CHANNELS
from streams.api.cursors import Cursor
from streams.api.index.recording import Recording
from streams.api.openapi import problem_answer
from streams.api.operations import Call, json_of, operation
from streams.api.parameters import PRINTABLE, Parameter
from streams.api.representation import represented
from streams.api.schemas import milliseconds_of
from streams.security.roles import Permission

TAG = "recordings"
ID = Parameter(
    "id", "path", {"type": "string", "format": "uuid"}, "The recording's id, as the answer to sending it has it.", True
)
UNKNOWN = problem_answer(404, "No recording of yours has this id.")
OTHER_LIST = problem_answer(422, "The cursor is none of this list: take it from an answer to it.")
_TIME = {"type": "string", "format": "date-time"}
LIMIT = Parameter("limit", "query", {"type": "integer", "minimum": 1, "maximum": 500}, "Items, from 1 to 500.")
CURSOR = Parameter(
    "cursor",
    "query",
    {"type": "string", "pattern": "^[A-Za-z0-9_-]{43}$"},
    "Where to go on: as an answer with the same filters has it.",
)
HOTEL = Parameter(
    "hotel",
    "query",
    {"type": "string", "minLength": 1, "maxLength": h.MAX_ID, "pattern": PRINTABLE},
    "Of this hotel alone.",
)
FROM = Parameter("from", "query", _TIME, "From this time on, as RFC 3339.")
UNTIL = Parameter("to", "query", _TIME, "Before this time, as RFC 3339.")
_FILTERS = (
    HOTEL,
    FROM,
    UNTIL,
    Parameter("channel", "query", {"type": "string", "enum": list(CHANNELS)}, "Of this channel alone."),
    Parameter(
        "level", "query", {"type": "integer", "minimum": 1, "maximum": 5}, "With a result of this level, 1 to 5."
    ),
)
_DEFAULT_LIMIT = 50


async def found(call: Call) -> Recording:
    """The recording that the path names, if it is the caller's to see.

    Raises:
        HTTPException: 404. Whose recording it is otherwise is not told.
    """
    recording = await call.context.inbox.find(call.text("id") or "")
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

    `queued`: accepted and not yet processed. `done`: there is a result. `dead`: it was refused, and `refusal` says why.
    `expired`: the result is past its retention. `erased`: nobody can read it any more.
    """
    return JSONResponse(represented(await found(call), call.context.feeder))


@operation(
    "GET",
    "/v1/recordings",
    tag=TAG,
    permission=Permission.CALLS,
    parameters=(*_FILTERS, LIMIT, CURSOR),
    answers={
        200: json_of("Recordings", "A page; `cursor` leads to the next one, and is null on the last."),
        422: OTHER_LIST,
    },
)
async def list_recordings(call: Call) -> Response:
    """Recordings, the newest first.

    Those whose audio began at the same time are in the order of their ids.
    """
    limit = call.integer("limit", _DEFAULT_LIMIT)
    filters = filters_of(call, "limit", "cursor")
    conditions, values = conditions_of(call)
    if cursor := cursor_of(call, filters):
        conditions.append("(time_ms, id) < (?, ?)")
        values += [cursor.time_ms, cursor.key]
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    ordered = f"{where} ORDER BY time_ms DESC, id DESC LIMIT ?"
    page = await asyncio.to_thread(call.context.index.select, ordered, [*values, limit + 1])
    shown = page[:limit]
    following = Cursor(shown[-1].time_ms, shown[-1].id).text(filters) if len(page) > limit else None
    items = [represented(one, call.context.feeder) for one in shown]
    headers = {"Link": f'<{_next(call, following)}>; rel="next"'} if following else None
    return JSONResponse({"items": items, "cursor": following}, headers=headers)


def filters_of(call: Call, *without: str) -> dict[str, object]:
    """The values that make one list differ from another."""
    return {name: value for name, value in call.values.items() if name not in without}


def cursor_of(call: Call, filters: dict[str, object]) -> Cursor | None:
    """Where the list goes on; None at its beginning.

    Raises:
        HTTPException: 422, if the cursor is one of another list.
    """
    text = call.text("cursor")
    if text is None:
        return None
    cursor = Cursor.read(text, filters)
    if cursor is None:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, OTHER_LIST.description)
    return cursor


def conditions_of(call: Call, time: str = "time_ms") -> tuple[list[str], list[str | int | bytes]]:
    """The conditions of a list in SQL, with their values: the filters, and the hotels that the caller sees.

    Args:
        call: The request.
        time: The column that `from` and `to` are about.
    """
    conditions: list[str] = []
    values: list[str | int | bytes] = []
    hotel, hotels = call.text("hotel"), call.caller.hotels
    if hotel is not None or hotels is not None:
        wanted = sorted(hotels or ()) if hotel is None else [hotel] if call.caller.sees(hotel) else []
        conditions.append(f"hotel IN ({', '.join('?' * len(wanted))})")
        values += wanted
    for name, condition in (("from", f"{time} >= ?"), ("to", f"{time} < ?")):
        if name in call.values:
            conditions.append(condition)
            values.append(milliseconds_of(cast("datetime", call.values[name])))
    for name in ("channel", "level"):
        if name in call.values:
            conditions.append(f"{name} = ?")
            values.append(cast("str | int", call.values[name]))
    return conditions, values


def _next(call: Call, cursor: str) -> str:
    query = [(name, value) for name, value in call.request.query_params.multi_items() if name != "cursor"]
    return f"{call.request.url.path}?{urlencode([*query, ('cursor', cursor)])}"


ROUTES = (list_recordings, get_recording)
