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
from streams.console.forms import form_of, number_of, text_of
from streams.console.recordings import call_path, time_of
from streams.console.rendering import Pages, path_of
from streams.console.words import count_words

_REFUSALS = {(one.stage, one.code): one for one in CATALOGUE if one.subject == "input"}
_PER_PAGE = 50
_HOW: Mapping[str, Mapping[str, Any]] = {"count": {"dryRun": True}, "try": {"canary": 1}}
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
        content = {
            "filtered": bool(asked),
            "letters": [_letter(one) for one in found["items"]],
            "may_hear": "audio" in permissions,
            "may_replay": "replay" in permissions,
            "next": f"{PATH}?{urlencode(asked | {'cursor': following})}" if following else None,
            "notice": _notice(request.query_params),
            "query": query,
        }
        return self._pages.page(request, "dead_letters", content)

    async def replay(self, request: Request) -> Response:
        """Send one input again, or those of a reason or hotel: all, one to try, or none, to tell how many there are."""
        form = await form_of(request)
        number, how = text_of(form, "id"), text_of(form, "how")
        choice = {name: value for name in ("reason", "hotel") if (value := text_of(form, name))}
        wanted = {"ids": [number]} if number else {**choice, **_HOW.get(how, {})}
        done = await self._api.ask(request, "POST", "/v1/replays", body=wanted)
        told = {"sent": done["replayed"], "blocked": done["blocked"], "held": done["held"]}
        if done["dryRun"]:
            told["dry"] = 1
        return RedirectResponse(f"{PATH}?{urlencode(choice | told)}", 303)


def _notice(query: Mapping[str, str]) -> str | None:
    """What came of sending again, as the address says; None if it says nothing."""
    numbers = {name: number_of(query.get(name, "")) for name in ("sent", "blocked", "held")}
    if numbers["sent"] is None:
        return None
    sent, blocked, held = (numbers[name] or 0 for name in ("sent", "blocked", "held"))
    rest = f" {count_words(blocked, 'input')} cannot be sent again." if blocked else ""
    if "dry" in query:
        return f"{count_words(sent, 'input')} would be sent again; nothing was sent.{rest}"
    if not sent:
        return f"It was sent again before, so it was not sent a second time.{rest}"
    rest += f" {count_words(held, 'further input')} wait for your decision." if held else ""
    return f"{count_words(sent, 'input')} went back to the topic it came from. Results show with their calls.{rest}"


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
