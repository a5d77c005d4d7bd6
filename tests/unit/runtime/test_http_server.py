import asyncio
import json
import urllib.error
import urllib.request
from asyncio import to_thread

import pytest

from streams.runtime.http_access import HttpAccess
from streams.runtime.http_server import WebServer
from streams.runtime.readiness import Readiness
from streams.security.authentication import Authenticator
from streams.telemetry.metrics import Metrics

NOBODY = HttpAccess(Authenticator())


def server(host: str, access: HttpAccess = NOBODY) -> WebServer:
    return WebServer(
        (host, 0), Metrics(), Readiness({}), status=dict, policy=lambda hotel: {"hotel": hotel}, access=access
    )


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]"), ("localhost", "localhost")])
async def test_it_answers_where_it_says(host: str, shown: str) -> None:
    web = server(host)
    port = await web.start()
    try:
        assert web.url == f"http://{shown}:{port}"
        answer = await to_thread(urllib.request.urlopen, f"{web.url}/health/live")
        assert answer.read() == b'{"live": true}'
    finally:
        await web.stop()


async def test_on_this_machine_it_does_not_answer_to_others() -> None:
    web = server("127.0.0.1")
    port = await web.start()
    try:
        with pytest.raises(OSError, match="refused"):
            await to_thread(urllib.request.urlopen, f"http://127.0.0.2:{port}/health/live")
    finally:
        await web.stop()


async def test_a_host_of_another_machine_is_an_error() -> None:
    with pytest.raises(OSError, match="address"):
        await server("192.0.2.1").start()


async def test_it_tells_what_is_in_force_for_a_hotel() -> None:
    web = server("127.0.0.1")
    await web.start()
    try:
        answer = await to_thread(urllib.request.urlopen, f"{web.url}/policies?hotel=caf%C3%A9%2F1")
        assert json.load(answer) == {"hotel": "café/1"}
        with pytest.raises(urllib.error.HTTPError, match="400"):
            await to_thread(urllib.request.urlopen, f"{web.url}/policies")
    finally:
        await web.stop()


@pytest.mark.parametrize(
    "request_head",
    [b"GET /health/live HTTP/1.1\r\nAuthorization: Bearer hak_%s\r\n\r\n" % (b"s" * 10_000), b"hak_sssss\r\n\r\n"],
)
async def test_what_is_no_request_is_answered_and_logged_without_what_it_was(
    request_head: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    web = server("127.0.0.1")
    port = await web.start()
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n")  # the first of a connection is logged less
        await reader.readuntil(b"true}")
        writer.write(request_head)
        assert b" 400 " in await reader.readline()
        writer.close()
    finally:
        await web.stop()
    (said,) = [one for one in caplog.records if "Error handling request" in one.getMessage()]
    assert (said.levelname, said.exc_info) == ("WARNING", None)
    assert "hak_" not in caplog.text
