"""Bodies that are too large, too slow, too many, or end too early."""

import asyncio
import contextlib
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from streams.api import bodies
from streams.api.bodies import Bodies
from streams.api.memory import Memory


def request(
    *messages: dict[str, Any], length: int | None = None, more: Mapping[str, str] = MappingProxyType({})
) -> Request:
    """A request whose body comes in parts, with more headers; after the last part nothing comes any more."""
    left = list(messages)

    async def receive() -> dict[str, Any]:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    headers += [(name.encode(), value.encode()) for name, value in more.items()]
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


async def test_a_body_without_a_length_holds_as_much_as_has_come(tmp_path: Path) -> None:
    memory = Memory(6)
    made = Bodies(tmp_path, in_memory=4, largest=10, memory=memory)
    before = memory.free
    asked = [request(part(b"12")) for _ in range(3)]  # calls that are still going on
    reading = [asyncio.ensure_future(made.read(one).__aenter__()) for one in asked]
    while memory.free:
        await asyncio.sleep(0)
    assert await refused(made, request(part(b"1", more=False))) == HTTPStatus.SERVICE_UNAVAILABLE
    for one in reading:
        one.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    assert memory.free == before


async def test_who_sends_a_byte_now_and_then_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "_AT_LEAST_AFTER", 0.1)
    made = Bodies(tmp_path, in_memory=4, largest=10, memory=Memory())
    dribbling = request(*[part(b"") for _ in range(10_000)])
    waiting, receive = asyncio.Event(), dribbling.receive

    async def slowly() -> Any:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(waiting.wait(), 0.005)
        return await receive()

    assert await refused(made, Request(dribbling.scope, slowly)) == HTTPStatus.REQUEST_TIMEOUT


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-encoding": "gzip"}, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
        ({"transfer-encoding": "gzip, chunked"}, HTTPStatus.NOT_IMPLEMENTED),
    ],
)
async def test_an_encoded_body_is_refused(tmp_path: Path, headers: dict[str, str], status: HTTPStatus) -> None:
    made = Bodies(tmp_path, in_memory=4, largest=10, memory=Memory())
    assert await refused(made, request(part(b"1234", more=False), more=headers)) == status
