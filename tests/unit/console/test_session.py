"""Sessions of browsers: the cookie, and the token that every change needs."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.console.session import COOKIE, HEADER, Session, SessionCredentials


async def told(request: Request) -> Response:
    return JSONResponse(request.headers.get("authorization"))


APP = SessionCredentials(Starlette(routes=[Route("/v1/x", told, methods=["GET", "POST"])]))


async def ask(method: str, **headers: str) -> httpx.Response:
    transport = httpx.ASGITransport(APP)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        return await client.request(method, "/v1/x", headers=headers)


def test_a_cookie_leads_to_its_session() -> None:
    session = Session.begin("a key, and ü")
    assert Session.of(Headers({"cookie": f"other=1; {COOKIE}={session.text}"})) == session
    assert Session.of(Headers({"cookie": f"{COOKIE}={Session.begin().text}"})) is not None


@pytest.mark.parametrize("text", ["", "key", "key.", "open.", "key.salt.%%%", "key.salt._w==", "other.text"])
def test_a_malformed_cookie_is_no_credential(text: str) -> None:
    session = Session.of(Headers({"cookie": f"{COOKIE}={text}"}))
    assert session is None or not session.credential


def test_a_token_is_of_one_session() -> None:
    one, other = Session.begin("key"), Session.begin("key")
    assert one.confirms(one.csrf_token)
    assert not one.confirms(other.csrf_token)
    assert not one.confirms(None)
    assert not one.confirms("ü")


async def test_a_session_gives_requests_its_credential() -> None:
    session = Session.begin("key")
    assert (await ask("GET", cookie=f"{COOKIE}={session.text}")).json() == "Bearer key"
    assert (await ask("GET")).json() is None


async def test_a_change_needs_the_token() -> None:
    session = Session.begin("key")
    refused = await ask("POST", cookie=f"{COOKIE}={session.text}")
    assert refused.status_code == 403
    assert refused.headers["content-type"] == "application/problem+json"
    allowed = await ask("POST", cookie=f"{COOKIE}={session.text}", **{HEADER: session.csrf_token})
    assert allowed.json() == "Bearer key"


async def test_a_program_with_its_own_credential_needs_no_token() -> None:
    session = Session.begin("key")
    answer = await ask("POST", cookie=f"{COOKIE}={session.text}", authorization="Bearer other")
    assert answer.json() == "Bearer other"
