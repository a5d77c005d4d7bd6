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
