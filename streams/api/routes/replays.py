"""Sending refused inputs again."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from streams.api.auditing import actor_of
from streams.api.index.recording import Recording
from streams.api.json_bodies import json_body, values_of
from streams.api.openapi import problem_answer
from streams.api.operations import JSON, Body, Call, json_of, operation
from streams.api.replays import Fate, Fates, InterruptedReplayError, Wanted
from streams.api.routes.dead_letters import REASON, TAG, refused_where
from streams.api.routes.recordings import FROM, HOTEL, UNTIL
from streams.api.schemas import SCHEMAS, exact, or_null
from streams.clients.errors import HotelAudioError, ReplayReplacedError
from streams.clients.letters import LetterPosition
from streams.security.roles import Permission

log = structlog.get_logger(__name__)

_MOST_IDS = 1000
_DEFAULT_LIMIT, _MOST = 1000, 5000
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
_FLAG = {"type": "boolean"}
_WAITING = {"done": "it has a result by now", "queued": "its sender has sent it again, and it waits"}
_COUNT = {"type": "integer", "minimum": 1, "maximum": _MOST}
_IDS = {
    "type": "array",
    "items": {"type": "string", "format": "uuid", "description": "An id in small letters."},
    "minItems": 1,
    "maxItems": _MOST_IDS,
    "uniqueItems": True,
    "description": f"Recordings that were refused, 1 to {_MOST_IDS} different ids.",
}
_HOW: dict[str, dict[str, Any]] = {
    "dryRun": {**_FLAG, "description": "Whether to tell alone what would be sent: true or false."},
    "canary": {**_COUNT, "description": f"Send this many alone, those that were refused first; 1 to {_MOST}."},
}
_LIMIT = {**_COUNT, "description": f"Send nothing if more are chosen; 1 to {_MOST}, and {_DEFAULT_LIMIT} without it."}
_CHOICE = {one.name: {**one.schema, "description": one.description} for one in (REASON, HOTEL, FROM, UNTIL)}
_PROPERTIES: dict[str, dict[str, Any]] = {"ids": _IDS, **_CHOICE, **_HOW, "limit": _LIMIT}
SCHEMAS["ReplayRequest"] = {
    "oneOf": [
        exact({"ids": _IDS, **_HOW}, optional=tuple(_HOW)),
        {
            **exact({**_CHOICE, **_HOW, "limit": _LIMIT}, optional=(*_CHOICE, *_HOW, "limit")),
            "anyOf": [{"required": [name]} for name in _CHOICE],
        },
    ]
}
SCHEMAS["Replay"] = exact(
    {
        "replayed": {**_NUMBER, "description": "Inputs that were sent again now, or in a dry run would be."},
        "before": {**_NUMBER, "description": "Inputs that had been sent again before."},
        "blocked": {**_NUMBER, "description": "Inputs that cannot be sent again; their items say why."},
        "held": {**_NUMBER, "description": "Inputs beyond the canary."},
        "dryRun": _FLAG,
        "items": {
            "type": "array",
            "items": exact(
                {
                    "id": {"type": "string", "format": "uuid"},
                    "outcome": {"enum": ["replayed", "before", "blocked", "held"]},
                    "reason": or_null(_TEXT),
                }
            ),
        },
    }
)


@operation(
    "POST",
    "/v1/replays",
    tag=TAG,
    permission=Permission.REPLAY,
    body=Body((JSON,), "Either ids, or at least one of reason, hotel, from and to.", "ReplayRequest"),
    answers={
        200: json_of("Replay", "What became of each."),
        404: problem_answer(404, "No dead letter of yours has one of the ids; nothing was sent."),
        408: problem_answer(408, "The body does not arrive."),
        409: problem_answer(409, "Somebody else began to replay; ask again, and what was sent is not sent twice."),
        413: problem_answer(413, "The body is too large."),
        415: problem_answer(415, "The body is no JSON."),
        422: problem_answer(422, "Nothing or too much is chosen, or a named one cannot be sent; nothing was sent."),
    },
)
async def post_replay(call: Call) -> Response:
    """Send refused inputs again.

    They go unchanged to where they came from, each once: what was sent again before, by whomever, is `before`, and is
    not sent twice, also after a process was killed in the middle. So ask again where an answer is missing. Of those
    named by `ids` all are sent or none; of those chosen otherwise, what cannot be sent is left out and told. It is
    audited in the transaction of the inputs.
    """
    given = values_of(await json_body(call.request), _PROPERTIES)
    chosen = await asyncio.to_thread(_named if "ids" in given else _chosen, call, given)
    by_place = {_place(one): one for one in chosen}
    wanted = Wanted(
        {place: _WAITING.get(one.outcome) for place, one in by_place.items()},
        strict="ids" in given,
        dry_run=given.get("dryRun", False),
        canary=given.get("canary"),
    )
    fates = await _replayed(call, wanted)
    items = [(by_place[place].id, fate) for place, fate in fates.items()]
    blocked = [f"{number}: {fate.reason}" for number, fate in items if fate.outcome == "blocked"]
    if wanted.strict and blocked:
        raise HTTPException(HTTPStatus.UNPROCESSABLE_ENTITY, f"Nothing was sent. {'; '.join(blocked[:20])}.")
    return JSONResponse(_represented(items, dry_run=wanted.dry_run))


def _named(call: Call, given: Mapping[str, Any]) -> list[Recording]:
    if given.keys() & {*_CHOICE, "limit"}:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Name either ids, or choose by reason, hotel, from, to and limit."
        )
    found = []
    for number in given["ids"]:
        one = call.context.index.get(number)
        if one is None or one.refusal is None or not call.caller.sees(one.hotel):
            raise HTTPException(HTTPStatus.NOT_FOUND, f"No dead letter of yours has the id {number}.")
        found.append(one)
    return found


def _chosen(call: Call, given: Mapping[str, Any]) -> list[Recording]:
    values = {name: given[name] for name in _CHOICE if name in given}
    if not values:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, "Name ids, or choose by at least one of reason, hotel, from and to."
        )
    limit = given.get("limit", _DEFAULT_LIMIT)
    where, parameters = refused_where(replace(call, values=values))
    waiting = "(in_latest IS NULL OR in_latest <= dead_input)"
    condition = f"WHERE {where} AND {waiting} ORDER BY dead_ms, id LIMIT ?"
    found = call.context.index.select(condition, [*parameters, limit + 1])
    if len(found) > limit:
        raise HTTPException(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"These are more than {limit}: choose fewer, or raise limit, to {_MOST}."
        )
    return found


async def _replayed(call: Call, wanted: Wanted) -> Fates:
    try:
        return await call.context.replays.run(wanted, actor_of(call.caller))
    except InterruptedReplayError as error:
        log.warning("replay_interrupted", sent=error.sent, wanted=len(wanted.letters), reason=str(error.__cause__))
        begun = f"{error.sent} of {len(wanted.letters)} were sent again"
        if isinstance(error.__cause__, ReplayReplacedError):
            raise HTTPException(
                HTTPStatus.CONFLICT, f"{begun} before somebody else began to replay. Ask again; nothing is sent twice."
            ) from None
        raise _unavailable(f"{begun}; of the others nobody knows yet. Ask again; nothing is sent twice.") from None
    except HotelAudioError as error:
        log.warning("replay_refused", error=type(error).__name__, reason=str(error))
        raise _unavailable("The brokers do not answer, or refuse; nothing was sent.") from None


def _unavailable(reason: str) -> HTTPException:
    return HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, reason, {"Retry-After": "5"})


def _place(one: Recording) -> LetterPosition:
    assert one.refusal is not None  # noqa: S101  others are not chosen
    return LetterPosition(one.refusal.position.partition, one.refusal.position.offset)


def _represented(items: Sequence[tuple[str, Fate]], *, dry_run: bool) -> dict[str, Any]:
    outcomes = [fate.outcome for _, fate in items]
    return {
        **{name: outcomes.count(name) for name in ("replayed", "before", "blocked", "held")},
        "dryRun": dry_run,
        "items": [{"id": number, "outcome": fate.outcome, "reason": fate.reason} for number, fate in items],
    }


ROUTES = (post_replay,)
