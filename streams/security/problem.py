"""Errors over HTTP as problem documents (RFC 9457), in the form that nginx gives them as well."""

import json
from http import HTTPStatus

MEDIA_TYPE = "application/problem+json"
_BLANK = "about:blank"  # the status says all that a type would


def problem(status: HTTPStatus, detail: str, **more: object) -> bytes:
    """The JSON document of an error.

    Args:
        status: The response's status.
        detail: What is wrong and what to do, in a sentence or two.
        more: Further members, such as a list of all that is wrong.
    """
    told = {"type": _BLANK, "title": status.phrase, "status": status.value, "detail": detail}
    return json.dumps({**told, **more}).encode()
