"""What happens now, as server-sent events."""

import contextlib
import re
from collections.abc import AsyncGenerator
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from streams.api.context import ApiContext
from streams.api.openapi import problem_answer
from streams.api.operations import Answer, Call, operation
from streams.api.parameters import Parameter
from streams.security.roles import Permission

#: Who reads does not count as a request that is being answered.
MOST_READERS = 4096
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

    A reader that comes back with `Last-Event-ID`, to this process or another one, gets the figures after it, of the
    last five minutes.
    """
    if call.caller.hotels is not None:
        raise HTTPException(HTTPStatus.FORBIDDEN, "The flow is that of all hotels, which you do not see.")
    last = call.text("Last-Event-ID") or ""
    if call.context.flow.readers >= MOST_READERS:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "Too many read already; try again.", {"Retry-After": "10"})
    events = _until_stop(call.context, int(last) if re.fullmatch("[0-9]{1,12}", last) else 0)
    return _EventStream(events)


class _EventStream(StreamingResponse):
    """Events, whose source ends with the connection."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        super().__init__(events, media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until nobody takes them any more."""
        async with contextlib.aclosing(self._events):
            await super().__call__(scope, receive, send)


async def _until_stop(context: ApiContext, last: int) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(context.flow.events(last)) as events:
        async for one in events:
            yield one
            if not context.readiness.holds("not_stopping"):
                return


ROUTES = (get_events,)
