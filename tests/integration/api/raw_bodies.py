"""Lets schemathesis send audio: bytes, as they are."""

import secrets
from typing import Any

import schemathesis
from hypothesis import strategies as st
from schemathesis.transport.serialization import Binary

from streams.api.routes.uploads import MEDIA_TYPES

schemathesis.openapi.format("binary", st.binary(min_size=1, max_size=320).map(Binary))


def _as_bytes(_: object, value: object) -> bytes:
    return value.data if isinstance(value, Binary) else str(value).encode()


for media_type in MEDIA_TYPES:
    schemathesis.serializer(media_type.partition(";")[0])(_as_bytes)


@schemathesis.hook
def before_call(_: object, case: "schemathesis.Case[Any]", _kwargs: object) -> None:
    """Ask from another address each time, as addresses are limited."""
    case.headers["X-Forwarded-For"] = f"10.{secrets.randbelow(256)}.{secrets.randbelow(256)}.1"
