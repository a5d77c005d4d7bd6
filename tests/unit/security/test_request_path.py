"""Ids with slashes in the paths of requests."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from streams.security.request_path import EncodedSlashes, part_of


async def shown(request: Request) -> Response:
    return PlainTextResponse(part_of(request, "id"))


@pytest.mark.parametrize(
    ("path", "found"), [("a%2Fb", "a/b"), ("a%2fb", "a/b"), ("a%252Fb", "a%2Fb"), ("%2Faudio", "/audio"), ("a", "a")]
)
async def test_an_encoded_slash_stays_within_its_part(path: str, found: str) -> None:
    app = EncodedSlashes(Starlette(routes=[Route("/calls/{id}", shown), Route("/calls/{id}/audio", shown)]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as client:
        assert (await client.get(f"/calls/{path}")).text == found
        assert (await client.get(f"/calls/{path}/audio")).text == found
        assert (await client.get("/calls/a/b")).status_code == httpx.codes.NOT_FOUND
