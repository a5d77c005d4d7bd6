"""The pages of hotels' policies: a form that explains each field and previews what it would change."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas.policy import Policy, parse_policy
from schemas.rejection import Rejection
from streams.console import policy_form
from streams.console.api_client import ApiClient, ApiError
from streams.console.forms import form_of, number_of, text_of
from streams.console.policy_preview import Preview, preview
from streams.console.recordings import Segment, segments_of
from streams.console.rendering import Pages, path_of
from streams.security.request_path import part_of

_MOST_JUDGED = 500  # recordings of the last hour
_OVERTAKEN = frozenset({HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED})
_NOTICES = {"saved": "Saved. Workers follow it within seconds.", "removed": "Removed. The defaults are in force."}


class PolicyPages:
    """The list of hotels and the form of one.

    Args:
        api: Asked for policies, and told of changes.
        pages: Makes pages.
    """

    def __init__(self, api: ApiClient, pages: Pages) -> None:
        self._api = api
        self._pages = pages

    async def index(self, request: Request) -> Response:
        """Hotels that sent something in the last day; any other by its id."""
        hotel = request.query_params.get("hotel", "").strip()
        if hotel:
            return RedirectResponse(path_of("policies", hotel), 303)
        segments = await self._recent(request, 24, {})
        hotels = sorted({one.hotel for one in segments if one.hotel})
        return self._pages.page(request, "policies", {"hotels": hotels})

    async def show(self, request: Request) -> Response:
        """The form with what is in force."""
        notice = _NOTICES.get(request.query_params.get("done", ""))
        properties, tag = await self._in_force(request)
        may_change = "policies" in await self._api.permissions(request)
        return self._form(request, properties, tag, notice=notice, may_change=may_change)

    async def change(self, request: Request) -> Response:
        """Preview, save or remove."""
        form = await form_of(request)
        hotel = part_of(request, "hotel")
        action, tag = text_of(form, "action"), text_of(form, "tag")
        version = number_of(text_of(form, "version")) or 0
        wanted = policy_form.properties_of(form) | {"hotel": hotel, "version": version + 1}
        shown = wanted | {"version": version}
        policy = parse_policy(json.dumps(wanted).encode())
        if action != "remove" and isinstance(policy, Rejection):
            return self._form(request, shown, tag, problem=f"{policy.message}.")
        if action == "preview" and isinstance(policy, Policy):
            segments = await self._recent(request, 1, {"hotel": hotel})
            return self._form(request, shown, tag, previewed=preview(policy, segments))
        try:
            return await self._changed(request, action, wanted, tag)
        except ApiError as error:
            if error.status not in _OVERTAKEN:
                raise
            return self._form(request, shown, tag, problem=f"{error.detail} Your changes are below; nothing was saved.")

    async def _changed(self, request: Request, action: str, wanted: Mapping[str, Any], tag: str) -> Response:
        """Save or remove the policy that the form has shown, unless somebody else has changed it since."""
        hotel = part_of(request, "hotel")
        condition = {"If-Match": tag} if tag else {"If-None-Match": "*"}
        if action == "remove":
            await self._api.ask(request, "DELETE", _path(hotel), headers=condition)
            return _done(hotel, "removed")
        await self._api.ask(request, "PUT", _path(hotel), body=wanted, headers=condition)
        return _done(hotel, "saved")

    async def _in_force(self, request: Request) -> tuple[Mapping[str, Any], str]:
        """The policy in force, which may be none, and its entity tag."""
        try:
            found, tag = await self._api.tagged(request, _path(part_of(request, "hotel")))
        except ApiError as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return {}, ""
            raise
        return found, tag or ""

    async def _recent(self, request: Request, hours: int, asked: Mapping[str, str]) -> list[Segment]:
        since = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
        found = await self._api.get(request, "/v1/recordings", {**asked, "from": since, "limit": _MOST_JUDGED})
        return segments_of(found["items"])

    def _form(
        self,
        request: Request,
        properties: Mapping[str, Any],
        tag: str,
        *,
        may_change: bool = True,
        notice: str | None = None,
        problem: str | None = None,
        previewed: Preview | None = None,
    ) -> Response:
        content = {
            "fields": policy_form.form_of(properties),
            "hotel": part_of(request, "hotel"),
            "may_change": may_change,
            "notice": notice,
            "preview": previewed,
            "problem": problem,
            "tag": tag,
            "version": int(properties.get("version", 0)),
        }
        status = HTTPStatus.OK if problem is None else HTTPStatus.UNPROCESSABLE_ENTITY
        return self._pages.page(request, "policy", content, status)


def _path(hotel: str) -> str:
    return path_of("v1", "policies", hotel)


def _done(hotel: str, what: str) -> Response:
    return RedirectResponse(f"{path_of('policies', hotel)}?{urlencode({'done': what})}", 303)
