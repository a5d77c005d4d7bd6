"""The console beside the API: which paths are its pages, and what an error looks like in a browser."""

from collections.abc import Awaitable, Callable, Set
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.console.api_client import ApiClient, ApiError
from streams.console.call_pages import CallPages
from streams.console.erasure_pages import ErasurePages
from streams.console.letter_pages import LetterPages
from streams.console.login import LoginPages
from streams.console.policy_pages import PolicyPages
from streams.console.rendering import Pages
from streams.console.session import SessionCredentials
from streams.security.request_path import EncodedSlashes

#: First parts of the paths of pages; what is at none of them is the API's to answer, unless a browser asks.
_PAGES = frozenset(
    {"", "calls", "live", "dead-letters", "policies", "estimate", "erasures", "login", "logout", "static"}
)
_API = frozenset({"v1", "health", "admin", "metrics", "openapi.json"})
_ACTIONS = {
    HTTPStatus.NOT_FOUND: "Look at the address, or search for the call.",
    HTTPStatus.FORBIDDEN: "Ask who gives access for another role or hotel, or log in with another key.",
    HTTPStatus.CONFLICT: "Search for the call again, together with its hotel.",
    HTTPStatus.GONE: "It is past its retention; a hotel with an archive has it there.",
    HTTPStatus.TOO_MANY_REQUESTS: "Wait a second and try again.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Kafka or the index is not ready; wait a moment and try again.",
}
_ELSE = "Try again; if it stays so, the log of the API's process says more."


class Console:
    """An API with pages for people: the console's own paths, and the API's with the browser's session.

    Args:
        api: The API.
        offered: Paths of its operations.
    """

    def __init__(self, api: ASGIApp, offered: Set[str]) -> None:
        self._api = SessionCredentials(api)
        self._pages = EncodedSlashes(_app(ApiClient(api), Pages(offered)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await (self._pages if _is_page(scope) else self._api)(scope, receive, send)


def _is_page(scope: Scope) -> bool:
    if scope["type"] != "http":
        return False
    first = scope["path"].removeprefix("/").partition("/")[0]
    return first in _PAGES or (first not in _API and "text/html" in Headers(scope=scope).get("accept", ""))


def _app(api: ApiClient, pages: Pages) -> Starlette:
    problem = _problem_page(pages)
    calls, letters = CallPages(api, pages), LetterPages(api, pages)
    policies, login, erasures = PolicyPages(api, pages), LoginPages(api, pages), ErasurePages(api, pages)
    routes = [
        Route("/", calls.index),
        Route("/calls/{call}", calls.show),
        Route("/calls/{call}/erase", erasures.ask),
        Route("/calls/{call}/erase", erasures.erase, methods=["POST"]),
        Route("/erasures/{request}", erasures.receipt),
        Route("/live", _plain_page(api, pages, "live")),
        Route("/dead-letters", letters.index),
        Route("/dead-letters/replay", letters.replay, methods=["POST"]),
        Route("/policies", policies.index),
        Route("/policies/{hotel}", policies.show),
        Route("/policies/{hotel}", policies.change, methods=["POST"]),
        Route("/estimate", _plain_page(api, pages, "estimate")),
        Route("/login", login.show),
        Route("/login", login.enter, methods=["POST"]),
        Route("/logout", login.leave, methods=["POST"]),
        Mount("/static", GZipMiddleware(_Static(packages=[(__name__.rpartition(".")[0], "static")]))),
    ]
    return Starlette(routes=routes, exception_handlers={ApiError: problem, HTTPException: problem})


class _Static(StaticFiles):
    """Scripts and styles, which a browser asks for again each time: they belong to the pages of one version."""

    def file_response(self, *arguments: Any, **options: Any) -> Response:
        response = super().file_response(*arguments, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response


def _plain_page(api: ApiClient, pages: Pages, template: str) -> Callable[[Request], Awaitable[Response]]:
    """A page whose content scripts fetch; it first asks the API for something, which lets only those in who may."""

    async def answer(request: Request) -> Response:
        await api.get(request, "/v1/recordings", {"limit": 1})
        return pages.page(request, template, {})

    return answer


def _problem_page(pages: Pages) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(request: Request, error: Exception) -> Response:
        status, detail = _told(error)
        if status == HTTPStatus.UNAUTHORIZED:
            return RedirectResponse(f"/login?{urlencode({'next': _own(request)})}", HTTPStatus.SEE_OTHER)
        content = {
            "action": _ACTIONS.get(HTTPStatus(status), _ELSE),
            "again": _own(request),
            "detail": detail,
            "title": HTTPStatus(status).phrase,
        }
        return pages.page(request, "error", content, status)

    return answer


def _told(error: Exception) -> tuple[int, str]:
    if isinstance(error, ApiError):
        return error.status, error.detail
    if isinstance(error, HTTPException):
        return (
            error.status_code,
            "There is no such page." if error.status_code == HTTPStatus.NOT_FOUND else error.detail,
        )
    raise error


def _own(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return quote(request.url.path) + query if request.method == "GET" else "/"
