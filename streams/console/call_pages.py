"""The pages of calls: the list with its search, and one call to look at and hear."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas.raw_audio import CHANNELS
from streams.console.api_client import ApiClient, ApiError
from streams.console.forms import number_of
from streams.console.recordings import CallSummary, Segment, call_path, grouped, segments_of, summary
from streams.console.rendering import Pages, path_of
from streams.console.timeline import timeline
from streams.console.words import count_words
from streams.security.request_path import part_of

_SPANS = {"": "any time", "1": "last hour", "24": "last day", "168": "last week"}
_PER_PAGE = 100  # recordings
_ROWS = 200  # segments in the table of a call
_RECORDING = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class CallLine:
    """A call of the list: what the template needs besides its summary."""

    call: CallSummary
    path: str

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  whatever the summary has
        return getattr(self.call, name)


class CallPages:
    """The list of calls and the page of a call.

    Args:
        api: Asked for them.
        pages: Makes pages.
    """

    def __init__(self, api: ApiClient, pages: Pages) -> None:
        self._api = api
        self._pages = pages

    async def index(self, request: Request) -> Response:
        """The calls, the newest first."""
        query = {
            name: request.query_params.get(name, "").strip() for name in ("call", "hotel", "channel", "level", "since")
        }
        if query["call"]:
            return RedirectResponse(await self._found(request, query["hotel"], query["call"]), 303)
        asked = {name: query[name] for name in ("hotel", "channel", "level") if query[name]}
        began = request.query_params.get("from") or _beginning(query["since"])
        if began:
            asked["from"] = began
        cursor = request.query_params.get("cursor")
        parameters = asked | {"limit": str(_PER_PAGE)} | ({"cursor": cursor} if cursor else {})
        found = await self._api.get(request, "/v1/recordings", parameters)
        following = found["cursor"]
        content = {
            "calls": [_line(one) for one in grouped(segments_of(found["items"]))],
            "channels": CHANNELS,
            "filtered": bool(asked or cursor),
            "next": _with("/", query | asked | {"cursor": following}) if following else None,
            "origin": str(request.base_url).rstrip("/"),
            "query": query,
            "spans": _SPANS,
        }
        return self._pages.page(request, "calls", content)

    async def show(self, request: Request) -> Response:
        """One call: its channels on a time axis, its segments, and one of them to hear."""
        found, permissions = await self._whole(request), await self._api.permissions(request)
        call, segments = part_of(request, "call"), segments_of(found["segments"])
        wanted = request.query_params.get("segment")
        chosen = next((one for one in segments if one.id == wanted), None) or _first(segments)
        original: int = HTTPStatus.NOT_FOUND
        if chosen is not None and chosen.state == "done" and "audio" in permissions:
            original = await self._api.status(request, path_of("v1", "recordings", chosen.id, "original"))
        parts = max(1, -(-len(segments) // _ROWS))
        part = min(_part(request, segments, chosen), parts - 1)
        content = {
            "call": summary(segments),
            "part": part,
            "parts": parts,
            "rows": segments[part * _ROWS :][:_ROWS],
            "chosen": chosen,
            "file": _with(path_of("v1", "calls", call, "audio"), _hotel(found)),
            "erase": _with(path_of("calls", call, "erase"), _hotel(found)),
            "completeness": "yes" if found.get("complete") else "not known to be",
            "line": timeline(segments),
            "may_erase": "erasure" in permissions,
            "may_hear": "audio" in permissions,
            "missing": _missing(found),
            "original_there": original == HTTPStatus.OK,
            "path": _with(path_of("calls", call), {**_hotel(found), "segment": ""}),
            "segments": segments,
        }
        return self._pages.page(request, "call", content)

    async def _found(self, request: Request, hotel: str, wanted: str) -> str:
        """The page of a call, by its id or by that of one of its recordings."""
        if _RECORDING.fullmatch(wanted):
            try:
                one = await self._api.get(request, path_of("v1", "recordings", wanted))
            except ApiError as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
            else:
                if one["call"]:
                    return _with(path_of("calls", one["call"]), {**_hotel(one), "segment": wanted})
        return call_path(hotel, wanted)

    async def _whole(self, request: Request) -> dict[str, Any]:
        """The call with all of its segments."""
        hotel, path = request.query_params.get("hotel"), path_of("v1", "calls", part_of(request, "call"))
        parameters = {"hotel": hotel} if hotel else {}
        found: dict[str, Any] = await self._api.get(request, path, parameters)
        following, segments = found, list(found["segments"])
        while following["cursor"]:
            following = await self._api.get(request, path, parameters | {"cursor": following["cursor"]})
            segments += following["segments"]
        return found | {"segments": segments}


def _part(request: Request, segments: Sequence[Segment], chosen: Segment | None) -> int:
    """Which part of the table of segments is shown, from 0: the one that is asked for, or has the chosen one."""
    wanted = number_of(request.query_params.get("part", ""))
    if wanted is not None:
        return wanted
    return segments.index(chosen) // _ROWS if chosen is not None else 0


def _beginning(since: str) -> str | None:
    """The time so many hours ago; None for any time."""
    return (datetime.now(UTC) - timedelta(hours=int(since))).isoformat() if since and since in _SPANS else None


def _first(segments: Sequence[Segment]) -> Segment | None:
    return next((one for one in segments if one.state == "done"), segments[0] if segments else None)


def _line(segments: Sequence[Segment]) -> CallLine:
    call = summary(segments)
    return CallLine(call, call_path(call.hotel, call.id))


def _hotel(document: Mapping[str, Any]) -> dict[str, str]:
    """The parameter that names the hotel of a call or recording, if it is known."""
    return {"hotel": document["hotel"]} if document.get("hotel") else {}


def _missing(document: dict[str, Any]) -> str:
    gaps = document.get("gaps") or ()
    return count_words(len(gaps), "gap") if gaps else ""


def _with(path: str, parameters: dict[str, str]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path
