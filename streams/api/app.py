"""The ASGI application: routes from the operations, problem documents for every error, and admission."""

import time
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from streams.api.access import Caller
from streams.api.context import ApiContext
from streams.api.fetching import FetchFailedError
from streams.api.index.result_index import TooManyRowsError
from streams.api.operations import Call, Operation
from streams.api.routes import ROUTES
from streams.api.routes.events import get_events
from streams.security.problem import MEDIA_TYPE, problem
from streams.security.request_path import EncodedSlashes

log = structlog.get_logger(__name__)

#: Requests that are answered at a time; further ones are refused at once, so that nobody waits in vain.
MOST_IN_FLIGHT = 512
_PATTERN = "audio.pattern"  # in a request's scope: the path of its operation
_DETAILS = {
    HTTPStatus.NOT_FOUND: "There is nothing at this path; /openapi.json has what there is.",
    HTTPStatus.METHOD_NOT_ALLOWED: "This path has other methods; the header Allow names them.",
}
_SECURITY_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))


def create_app(
    context: ApiContext, operations: Sequence[Operation] = ROUTES, pages: Iterable[BaseRoute] = ()
) -> Starlette:
    """Make the application.

    Args:
        context: The process's parts.
        operations: The operations that it has.
        pages: Further routes, which guard themselves.
    """
    by_path: dict[str, dict[str, Operation]] = {}
    for one in operations:
        by_path.setdefault(one.path, {})[one.method] = one
    routes = [_route(path, methods, context) for path, methods in by_path.items()]
    app = Starlette(
        routes=[*routes, *pages],
        exception_handlers={
            HTTPException: _http_problem,
            FetchFailedError: _unavailable,
            TooManyRowsError: _too_many,
            Exception: _bug,
        },
    )
    app.router.redirect_slashes = False
    app.add_middleware(EncodedSlashes)
    app.add_middleware(Admission, context=context)
    return app


def _route(path: str, methods: Mapping[str, Operation], context: ApiContext) -> Route:
    async def answer(request: Request) -> Response:
        request.scope[_PATTERN] = path
        one = methods.get(request.method) or methods["GET"]  # HEAD, of which the server sends the head alone
        permission = one.permission
        caller = Caller(None) if permission is None else context.access.admit(request, permission)
        return await one.handler(Call(request, context, caller, one.values(request)))

    return Route(path, answer, methods=list(methods))


class Admission:
    """Counts and measures requests, and refuses those beyond what is answered at a time."""

    def __init__(self, app: ASGIApp, context: ApiContext) -> None:
        self._app = app
        self._metrics = context.metrics
        self._memory = context.memory
        self._in_flight = 0
        context.metrics.api_in_flight.set_function(lambda: self._in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                present = {name for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(header for header in _SECURITY_HEADERS if header[0] not in present),
                ]
            await send(message)

        counted = scope["path"] != get_events.path  # which lasts, and costs next to nothing
        self._in_flight += counted
        try:
            await self._admitted()(scope, receive, noting)
        finally:
            self._in_flight -= counted
            self._memory.give_back(scope)
            route = scope.get(_PATTERN, "none")
            method = scope["method"] if route != "none" else "other"
            self._metrics.api_requests.labels(route, method, str(status)).inc()
            self._metrics.api_request_seconds.labels(route).observe(time.perf_counter() - began)

    def _admitted(self) -> ASGIApp:
        return self._app if self._in_flight <= MOST_IN_FLIGHT else _OVERLOADED


def problem_response(status: HTTPStatus, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    """An error as a problem document."""
    return Response(problem(status, detail), status, headers, media_type=MEDIA_TYPE)


_OVERLOADED: ASGIApp = problem_response(
    HTTPStatus.SERVICE_UNAVAILABLE, "Too many requests are being answered; try again.", {"Retry-After": "1"}
)


async def _http_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  registered for these alone
    status = HTTPStatus(error.status_code)
    detail = _DETAILS.get(status, status.phrase) if error.detail == status.phrase else error.detail
    return problem_response(status, detail, error.headers)


async def _unavailable(_: Request, error: Exception) -> Response:
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again.", {"Retry-After": "1"})


async def _too_many(_: Request, __: Exception) -> Response:
    detail = "Too many recordings have to be looked at; name a hotel, or a shorter time."
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, detail, {"Retry-After": "5"})


async def _bug(request: Request, error: Exception) -> Response:
    log.error("request_failed", path=request.scope.get(_PATTERN), error=type(error).__name__, exc_info=error)
    return problem_response(HTTPStatus.INTERNAL_SERVER_ERROR, "This is a bug; the log has it.")
