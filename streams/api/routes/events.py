"""What happens now, as server-sent events."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from streams.api.context import ApiContext
from streams.api.openapi import problem_answer
from streams.api.operations import Answer, Call, operation
from streams.api.parameters import Parameter
from streams.security.roles import Permission

_EVERY = 1.0  # seconds
_LAST = Parameter("Last-Event-ID", "header", {"type": "string"}, "The last event that was seen; those after it follow.")


@operation(
    "GET",
    "/v1/events",
    tag="events",
    permission=Permission.STATUS,
    parameters=(_LAST,),
    answers={
        200: Answer("Events named `flow`, with the figures as JSON.", None, ("text/event-stream",)),
        403: problem_answer(403, "The flow is that of all hotels, which you do not see."),
    },
)
async def get_events(call: Call) -> Response:
    """The flow of the last minute, once a second, for as long as the connection lasts.

    A reader that comes back with `Last-Event-ID` gets the figures after it, of the last five minutes. There are none
    of the time in which nobody read from this process.
    """
    if call.caller.hotels is not None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "The flow is that of all hotels, which you do not see.")
    last = call.text("Last-Event-ID") or ""
    events = _events(call.context, int(last) if re.fullmatch("[0-9]{1,12}", last) else 0)
    return StreamingResponse(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _events(context: ApiContext, last: int) -> AsyncIterator[str]:
    while context.readiness.holds("not_stopping"):
        for one in await context.flow.after(last):
            last = one.second
            yield f"id: {one.second}\nevent: flow\ndata: {json.dumps(one.document)}\n\n"
        await asyncio.sleep(_EVERY)


ROUTES = (get_events,)
