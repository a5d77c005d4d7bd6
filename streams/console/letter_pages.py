"""The pages of dead letters: why inputs were refused, what to do, and sending them again."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from schemas.refusals import CATALOGUE
from streams.console.api_client import ApiClient
from streams.console.forms import form_of, text_of
from streams.console.recordings import call_path, time_of
from streams.console.rendering import Pages, path_of
from streams.console.words import count_words

_REFUSALS = {(one.stage, one.code): one for one in CATALOGUE if one.subject == "input"}
_PER_PAGE = 50
PATH = "/dead-letters"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as the page shows it.

    ``rule`` and ``remedy`` are from the catalogue of refusals; ``waits`` is whether its input was sent again and has no
    outcome yet.
    """

    id: str
    code: str
    stage: str
    field: str
    why: str
    rule: str
    remedy: str
    time: datetime | None
    hotel: str
    call: str
    waits: bool

    @property
    def call_path(self) -> str:
        """The page of its call."""
        return call_path(self.hotel, self.call)

    @property
    def download(self) -> str:
        """Where the input's bytes are, as they came."""
        return path_of("v1", "recordings", self.id, "original")


class LetterPages:
    """The list of dead letters.

    Args:
        api: Asked for them.
        pages: Makes pages.
    """

    def __init__(self, api: ApiClient, pages: Pages) -> None:
        self._api = api
        self._pages = pages

    async def index(self, request: Request) -> Response:
        """Dead letters, the newest first."""
        query = {name: request.query_params.get(name, "").strip() for name in ("reason", "hotel", "cursor")}
        asked = {name: value for name, value in query.items() if value}
        found = await self._api.get(request, "/v1/dead-letters", asked | {"limit": str(_PER_PAGE)})
        following, permissions = found["cursor"], await self._api.permissions(request)
        sent = request.query_params.get("sent")
        content = {
            "filtered": bool(asked),
            "letters": [_letter(one) for one in found["items"]],
            "may_hear": "audio" in permissions,
            "may_replay": "replay" in permissions,
            "next": f"{PATH}?{urlencode(asked | {'cursor': following})}" if following else None,
            "notice": _notice(sent),
            "query": query,
        }
        return self._pages.page(request, "dead_letters", content)

    async def replay(self, request: Request) -> Response:
        """Send one input again."""
        number = text_of(await form_of(request), "id")
        done = await self._api.ask(request, "POST", "/v1/replays", body={"ids": [number]})
        return RedirectResponse(f"{PATH}?{urlencode({'sent': done['replayed']})}", 303)


def _notice(sent: str | None) -> str | None:
    if sent is None or not sent.isdecimal():
        return None
    if sent == "0":
        return "It was sent again before, so it was not sent a second time."
    return (
        f"{count_words(int(sent), 'input')} went back to the topic that it came from. Its result shows with its call."
    )


def _letter(document: Mapping[str, Any]) -> Letter:
    refusal = document["refusal"]
    known = _REFUSALS.get((refusal["stage"], refusal["code"]))
    return Letter(
        id=document["id"],
        code=refusal["code"],
        stage=refusal["stage"],
        field=refusal["field"],
        why=refusal["reason"],
        rule=known.rule if known else "",
        remedy=known.remedy if known else "",
        time=time_of(refusal["refusedAt"]),
        hotel=document.get("hotel") or "",
        call=document.get("call") or "",
        waits=document["state"] == "queued",
    )
