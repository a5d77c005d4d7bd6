"""Asks the API's own routes, within the process and with the credential of who looks at the page."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx
from starlette.requests import Request
from starlette.types import ASGIApp

from streams.console.session import Session

Parameters = Mapping[str, str | int]
#: Who asks from where decides about limits and what is answered without a credential.
_PASSED_ON = ("host", "origin", "x-forwarded-for")


class ApiError(Exception):
    """The API answered with a problem document, which the console shows as a page.

    Attributes:
        status: The answer's status.
        detail: What is wrong and what to do.
    """

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(f"{status}: {detail}")
        self.status = status
        self.detail = detail


class ApiClient:
    """Asks the routes of an API in this process.

    Args:
        app: The API.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def get(self, request: Request, path: str, parameters: Parameters | None = None) -> Any:  # noqa: ANN401  JSON
        """What a route answers, as JSON.

        Args:
            request: The request for the page, whose credential is used.
            path: The route's path.
            parameters: Its query.

        Raises:
            ApiError: If it answers with an error.
        """
        return await self.ask(request, "GET", path, parameters=parameters)

    async def tagged(self, request: Request, path: str) -> tuple[Any, str | None]:
        """What a route answers, and the entity tag of it; see `get`."""
        answer = await self._answer(request, "GET", path)
        return _checked(answer), answer.headers.get("etag")

    async def ask(
        self,
        request: Request,
        method: str,
        path: str,
        *,
        parameters: Parameters | None = None,
        body: object = None,
        credential: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:  # noqa: ANN401  JSON
        """What a route answers to any method; see `get`.

        Args:
            request: The request for the page.
            method: The method.
            path: The route's path.
            parameters: Its query.
            body: Sent as JSON, unless it is None.
            credential: Used instead of the session's.
            headers: Further headers.

        Raises:
            ApiError: If it answers with an error.
        """
        query = dict(parameters or {})
        return _checked(await self._answer(request, method, path, credential, headers, params=query, json=body))

    async def status(self, request: Request, path: str) -> int:
        """What a route would answer, as a status: whether something is there and may be had."""
        return (await self._answer(request, "HEAD", path)).status_code

    async def permissions(self, request: Request) -> frozenset[str]:
        """What who looks at the page may do; see `get`."""
        return frozenset((await self.get(request, "/v1/rights"))["permissions"])

    async def _answer(
        self,
        request: Request,
        method: str,
        path: str,
        credential: str | None = None,
        further: Mapping[str, str] | None = None,
        **content: Any,
    ) -> httpx.Response:
        session = Session.of(request.headers)
        credential = credential or (session.credential if session else None)
        headers = {name: request.headers[name] for name in _PASSED_ON if name in request.headers} | dict(further or {})
        if credential is not None:
            headers["Authorization"] = f"Bearer {credential}"
        client = request.client
        transport = httpx.ASGITransport(self._app, client=(client.host, client.port) if client else ("127.0.0.1", 0))
        async with httpx.AsyncClient(transport=transport, base_url=str(request.base_url)) as http:
            return await http.request(method, path, headers=headers, **content)


def _checked(answer: httpx.Response) -> Any:  # noqa: ANN401  JSON
    document = _document(answer)
    if answer.status_code >= HTTPStatus.BAD_REQUEST:
        raise ApiError(answer.status_code, _detail(document, answer))
    return document


def _document(answer: httpx.Response) -> Any:  # noqa: ANN401  JSON
    try:
        return answer.json() if answer.content else None
    except json.JSONDecodeError:
        return None


def _detail(document: object, answer: httpx.Response) -> str:
    detail = document.get("detail") if isinstance(document, dict) else None
    return detail if isinstance(detail, str) else answer.reason_phrase
