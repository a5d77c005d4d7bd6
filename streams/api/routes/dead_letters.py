"""Dead letters: what was refused, and why."""

import asyncio

from starlette.responses import JSONResponse, Response

from schemas import headers as h
from streams.api.cursors import Cursor
from streams.api.index.recording import Recording
from streams.api.operations import Call, json_of, operation
from streams.api.parameters import PRINTABLE, Parameter
from streams.api.representation import represented
from streams.api.routes.recordings import (
    CURSOR,
    FROM,
    HOTEL,
    LIMIT,
    OTHER_LIST,
    UNTIL,
    conditions_of,
    cursor_of,
    filters_of,
)
from streams.security.roles import Permission

_DEFAULT_LIMIT = 50
TAG = "dead letters"
REASON = Parameter(
    "reason",
    "query",
    {"type": "string", "minLength": 1, "maxLength": h.MAX_ID, "pattern": PRINTABLE},
    "Refused with this code alone.",
)


@operation(
    "GET",
    "/v1/dead-letters",
    tag=TAG,
    permission=Permission.DEAD_LETTERS,
    parameters=(HOTEL, REASON, FROM, UNTIL, LIMIT, CURSOR),
    answers={
        200: json_of("Recordings", "A page; `cursor` leads to the next one, and is null on the last."),
        422: OTHER_LIST,
    },
)
async def list_dead_letters(call: Call) -> Response:
    """Recordings that were refused, the latest refusal first.

    `from` and `to` are times of the refusal. One that was sent again is here until it has a result. `original` of each
    has the bytes as they came.
    """
    limit = call.integer("limit", _DEFAULT_LIMIT)
    filters = filters_of(call, "limit", "cursor")
    where, values = refused_where(call)
    if cursor := cursor_of(call, filters):
        where += " AND (dead_ms, id) < (?, ?)"
        values += [cursor.time_ms, cursor.key]
    where += " ORDER BY dead_ms DESC, id DESC LIMIT ?"
    page = await asyncio.to_thread(call.context.index.select, f"WHERE {where}", [*values, limit + 1])
    shown = page[:limit]
    following = Cursor(_refused_ms(shown[-1]), shown[-1].id).text(filters) if len(page) > limit else None
    return JSONResponse({"items": [represented(one, call.context.feeder) for one in shown], "cursor": following})


def refused_where(call: Call) -> tuple[str, list[str | int | bytes]]:
    """The condition in SQL, with its values, for refused recordings by the filters; times are those of the refusal."""
    conditions, values = conditions_of(call, time="dead_ms")
    if reason := call.text("reason"):
        conditions.append("code = ?")
        values.append(reason)
    return " AND ".join(["dead_ms IS NOT NULL", "out_offset IS NULL", *conditions]), values


def _refused_ms(recording: Recording) -> int:
    return 0 if recording.refusal is None else recording.refusal.appended_ms


ROUTES = (list_dead_letters,)
