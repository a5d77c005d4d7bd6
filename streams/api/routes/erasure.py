"""Erasing a call, and the receipt for it."""

import asyncio
import json
import time
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from streams.api.openapi import problem_answer
from streams.api.operations import Call, json_of, operation
from streams.api.parameters import Parameter
from streams.api.routes.calls import ID, TAG, UNKNOWN, hotel_of
from streams.api.routes.recordings import HOTEL
from streams.api.schemas import SCHEMAS, exact
from streams.security.roles import Permission

_SEEN_WITHIN = 5.0  # seconds in which an erasure is known everywhere
_LOOK = 0.02
_KEYS = "SELECT DISTINCT seal_key FROM recordings WHERE call = ? AND hotel IS ? AND seal_key IS NOT NULL"
_IN_CLEAR = """
SELECT count(*) AS count FROM recordings WHERE call = ? AND hotel IS ? AND out_offset IS NOT NULL AND seal_key IS NULL
"""
_TEXT, _NUMBER = {"type": "string"}, {"type": "integer", "minimum": 0}
_REQUEST = Parameter("request", "path", {"type": "string", "pattern": "^[0-9a-f]{16}$"}, "As the erasure has it.", True)
SCHEMAS["Erasure"] = exact(
    {
        "request": {**_TEXT, "description": "Leads to the receipt."},
        "hotel": _TEXT,
        "call": _TEXT,
        "keys": {**_NUMBER, "description": "How many were erased; 0 if nothing was left."},
        "epoch": {**_NUMBER, "description": "It is final when the turn of the keys has destroyed this epoch."},
        "inClear": {**_NUMBER, "description": "Results that were never sealed, which stay until their retention ends."},
    }
)
SCHEMAS["Receipt"] = {
    "type": "object",
    "required": ["format", "entry", "index", "path", "head"],
    "description": "What `./scripts/audit check-receipt` checks with the public key alone.",
}


@operation(
    "DELETE",
    "/v1/calls/{id}",
    tag=TAG,
    permission=Permission.ERASURE,
    parameters=(ID, HOTEL),
    answers={
        200: json_of("Erasure", "Nobody can open any more what was sealed of the call.", links={
            "get_receipt": {"request": "$response.body#/request"}
        }),
        404: UNKNOWN,
        409: problem_answer(409, "The hotel has a legal hold; or calls of several hotels have this id."),
    },
)  # fmt: skip
async def delete_call(call: Call) -> Response:
    """Erase a call, as `./scripts/erase` does.

    All its keys are erased at once, which the audit is told in the same transaction. Its recordings are `erased` from
    then on, in this process before the answer comes. With `hotel`, a call is erased that this process does not know. It
    takes the key store, and what the brokers let the account of the process do.
    """
    name, wanted = call.text("id") or "", call.text("hotel")
    known = await hotel_of(call) if wanted is None or not call.caller.sees(wanted) else wanted
    erasure, request = await call.context.eraser.erase(call.caller, known or "", name)
    if erasure.held:
        raise HTTPException(HTTPStatus.CONFLICT, "The hotel has a legal hold, so nothing was erased.")
    await _seen(call, known, name)
    (in_clear,) = await asyncio.to_thread(call.context.index.query, _IN_CLEAR, [name, known])
    return JSONResponse(
        {
            "request": request,
            "hotel": known or "",
            "call": name,
            "keys": erasure.keys,
            "epoch": erasure.epoch,
            "inClear": in_clear["count"],
        }
    )


@operation(
    "GET",
    "/v1/erasures/{request}/receipt",
    tag=TAG,
    permission=Permission.ERASURE,
    parameters=(_REQUEST,),
    answers={
        200: json_of("Receipt", "The receipt; later, another one may say that the erasure is final."),
        404: problem_answer(404, "No erasure of yours is by this request."),
        409: problem_answer(409, "No signed head of the audit covers the erasure yet."),
    },
)
async def get_receipt(call: Call) -> Response:
    """The receipt for an erasure, which anybody can check.

    There is one as soon as somebody has signed the audit (`./scripts/audit sign`).
    """
    search = await call.context.eraser.receipt(call.text("request") or "")
    told = [entry for _, _, entry in search.entries if entry.action == "erasure"]
    hotels = {one.removeprefix("hotel:") for entry in told for one in entry.objects if one.startswith("hotel:")}
    if len(told) != 1 or not all(call.caller.sees(one) for one in hotels):
        raise HTTPException(HTTPStatus.NOT_FOUND, "No erasure of yours is by this request.")
    receipt = await asyncio.to_thread(search.receipt)
    if receipt is None:
        raise HTTPException(
            HTTPStatus.CONFLICT, "No signed head of the audit covers the erasure yet.", {"Retry-After": "60"}
        )
    return JSONResponse(json.loads(receipt.to_json()))


async def _seen(call: Call, hotel: str | None, name: str) -> None:
    """Wait until this process knows of the erasure; it knows of it in time in any case."""
    rows = await asyncio.to_thread(call.context.index.query, _KEYS, [name, hotel])
    until = time.monotonic() + _SEEN_WITHIN
    gone = call.context.feeder.gone
    while time.monotonic() < until and not all(gone(row["seal_key"]) for row in rows):  # noqa: ASYNC110  no event is set
        await asyncio.sleep(_LOOK)


ROUTES = (delete_call, get_receipt)
