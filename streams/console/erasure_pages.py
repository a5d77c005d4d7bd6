"""The pages of an erasure: the question before it, and the receipt after it."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from streams.console.api_client import ApiClient, ApiError
from streams.console.forms import form_of, number_of, text_of
from streams.console.recordings import call_path
from streams.console.rendering import Pages, path_of
from streams.security.request_path import part_of

#: Nothing was erased, and the page of the question says why.
_NOT_DONE = frozenset({HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS})


class ErasurePages:
    """Erasing a call, and what proves it.

    Args:
        api: Asked for the call, and told to erase it.
        pages: Makes pages.
    """

    def __init__(self, api: ApiClient, pages: Pages) -> None:
        self._api = api
        self._pages = pages

    async def ask(self, request: Request) -> Response:
        """The question, which names the call and what happens."""
        return await self._question(request, request.query_params.get("hotel", ""))

    async def erase(self, request: Request) -> Response:
        """Erase the call."""
        hotel, call = text_of(await form_of(request), "hotel"), part_of(request, "call")
        try:
            done = await self._api.ask(
                request, "DELETE", path_of("v1", "calls", call), parameters={"hotel": hotel} if hotel else {}
            )
        except ApiError as error:
            if error.status not in _NOT_DONE:
                raise
            return await self._question(request, hotel, error)
        about = {name: str(done[name]) for name in ("hotel", "call", "keys", "inClear")}
        return RedirectResponse(f"{path_of('erasures', done['request'])}?{urlencode(about)}", HTTPStatus.SEE_OTHER)

    async def receipt(self, request: Request) -> Response:
        """What an erasure has done, and its receipt as soon as there is one."""
        number, why = part_of(request, "request"), None
        name = path_of("v1", "erasures", number, "receipt")
        try:
            await self._api.get(request, name)
        except ApiError as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            why = error.detail
        content = {
            **_done(request.query_params),
            "download": name,
            "number": number,
            "why": why,
        }
        return self._pages.page(request, "erasure", content)

    async def _question(self, request: Request, hotel: str, error: ApiError | None = None) -> Response:
        call = part_of(request, "call")
        parameters: dict[str, str | int] = {"limit": 1} | ({"hotel": hotel} if hotel else {})
        found = await self._api.get(request, path_of("v1", "calls", call), parameters)
        content = {
            "call": call,
            "count": found["segmentCount"],
            "hotel": found["hotel"] or "",
            "path": call_path(found["hotel"] or "", call),
            "problem": None if error is None else error.detail,
        }
        return self._pages.page(request, "erase", content, HTTPStatus.OK if error is None else error.status)


def _done(query: Mapping[str, str]) -> dict[str, Any]:
    """What the address says of an erasure; the receipt alone proves it."""
    hotel, call = query.get("hotel", ""), query.get("call", "")
    return {
        "call": call,
        "hotel": hotel,
        "in_clear": number_of(query.get("inClear", "")),
        "keys": number_of(query.get("keys", "")),
        "path": call_path(hotel, call),
    }
