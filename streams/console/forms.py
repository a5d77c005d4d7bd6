"""Forms that browsers send: read, and accepted from our own pages only."""

import re
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from streams.console.session import FORM_FIELD, Session

_NUMBER = re.compile("[0-9]{1,18}")
_MOST_BYTES = 64 * 1024

Form = dict[str, list[str]]


async def form_of(request: Request) -> Form:
    """The fields of a form, without the session's token.

    Raises:
        HTTPException: 403 if it does not come from our own page; 413 if it is too large.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _MOST_BYTES:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A form has at most 64 KiB.")
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=1000)
    token = fields.pop(FORM_FIELD, [""])[0]
    session = Session.of(request.headers)
    if session is None or not session.confirms(token):
        raise HTTPException(HTTPStatus.FORBIDDEN, "This form is not from a page of your session. Load the page again.")
    return fields


def text_of(form: Form, name: str) -> str:
    """The value of a field; empty if it is not there."""
    return form.get(name, [""])[0].strip()


def number_of(text: str) -> int | None:
    """A whole number that a form or an address says; None if it is none."""
    return int(text) if _NUMBER.fullmatch(text) else None
