"""Bodies that are too large, too slow, too many, or end too early."""

import asyncio
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from streams.api import bodies
from streams.api.bodies import Bodies
from streams.api.memory import Memory


def request(*messages: dict[str, Any], length: int | None = None) -> Request:
    """A request whose body comes in parts; after the last one nothing comes any more."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive)


def part(content: bytes, *, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": content, "more_body": more}


async def refused(made: Bodies, asked: Request) -> int:
    """The status with which a body is refused."""
    with pytest.raises(HTTPException) as told:
        async with made.read(asked):
            pass
    return told.value.status_code


async def test_what_is_too_large_is_refused_by_what_it_says_and_by_what_comes(tmp_path: Path) -> None:
    made = Bodies(tmp_path, in_memory=4, largest=10, memory=Memory())
    assert await refused(made, request(length=11)) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert await refused(made, request(part(b"123456"), part(b"789012"))) == HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    assert list(tmp_path.iterdir()) == []  # what had been written to a file is gone


async def test_what_stops_coming_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_IDLE", 0.05)
    made = Bodies(tmp_path, in_memory=4, largest=10, memory=Memory(4))
    for asked in (request(length=3), request(part(b"123456"), length=8)):
        assert await refused(made, asked) == HTTPStatus.REQUEST_TIMEOUT
    assert list(tmp_path.iterdir()) == []
    async with made.read(request(part(b"1234", more=False), length=4)) as upload:  # its memory is free again
        assert upload.content == b"1234"


async def test_a_client_that_goes_away_leaves_nothing(tmp_path: Path) -> None:
    made = Bodies(tmp_path, in_memory=4, largest=10, memory=Memory())
    assert await refused(made, request(part(b"123456"), {"type": "http.disconnect"})) == HTTPStatus.BAD_REQUEST
    assert list(tmp_path.iterdir()) == []


async def test_more_than_fits_into_memory_is_refused_until_it_is_free(tmp_path: Path) -> None:
    made = Bodies(tmp_path, in_memory=4, largest=10, memory=Memory(6))
    async with made.read(request(part(b"1234", more=False), length=4)):
        assert await refused(made, request(part(b"1234", more=False))) == HTTPStatus.SERVICE_UNAVAILABLE
    async with made.read(request(part(b"1234", more=False))) as upload:
        assert upload.size == 4
