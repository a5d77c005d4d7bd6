"""nginx in front of the HTTP API: large bodies, events, a limit for who shows no credential, headers."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from tests.support.nginx import Nginx, nginx

pytestmark = pytest.mark.xdist_group("nginx api")
INSIDE, PROXY = "127.0.0.8", "127.0.9.9"
PAGE_POLICY = "default-src 'none'; script-src 'self'"
CREDENTIALS = ({"Authorization": "Bearer x"}, {"Cookie": "audio_session=key.x.y"})


class Api(BaseHTTPRequestHandler):
    """Answers as the API does, with what it was sent."""

    protocol_version = "HTTP/1.1"
    going_on: ClassVar[threading.Event] = threading.Event()

    def do_GET(self) -> None:
        if self.path == "/v1/events":
            self.events()
        elif self.path == "/page":
            self.answer(200, {"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "same-origin"})
        elif self.path == "/busy":
            self.answer(503, {"Retry-After": "7"})
        else:
            self.answer(200, {})

    def do_POST(self) -> None:
        self.answer(202, {}, len(self.rfile.read(int(self.headers["Content-Length"]))))

    def answer(self, status: int, headers: dict[str, str], received: int = 0) -> None:
        body = json.dumps({"received": received, "headers": dict(self.headers.items())}).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def events(self) -> None:
        """One event, and the next one when the first has been read."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(b"id: 1\n\n")
        self.wfile.flush()
        self.going_on.wait(30)
        self.wfile.write(b"id: 2\n\n")
        self.close_connection = True

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  the base class names it so
        pass


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            with nginx(
                tmp_path_factory.mktemp("nginx"),
                NGINX_API=f"127.0.0.1:{server.server_port}",
                NGINX_API_BODY_SIZE="4m",
                NGINX_INSIDE=f"allow {INSIDE};",
                NGINX_PROXIES=f"set_real_ip_from {PROXY};",
            ) as running:
                yield running
        finally:
            server.shutdown()
            thread.join()


def test_a_recording_passes_and_one_that_is_too_large_does_not(edge: Nginx) -> None:
    ask = edge.api_client("127.0.1.1")
    sent = ask.request("POST", "/v1/recordings", body=bytes(3 * 2**20))
    assert (sent.status, json.loads(sent.body)["received"]) == (202, 3 * 2**20)
    refused = edge.api_client("127.0.1.2").request("POST", "/v1/recordings", body=bytes(5 * 2**20))
    assert (refused.status, json.loads(refused.body)["title"]) == (413, "Content Too Large")


def test_events_come_one_by_one(edge: Nginx) -> None:
    Api.going_on.clear()
    with edge.api_client("127.0.1.3").stream("/v1/events") as stream:
        assert stream.read(len(b"id: 1\n\n")) == b"id: 1\n\n"  # the second one is not there before this is read
        Api.going_on.set()
        assert stream.read() == b"id: 2\n\n"


@pytest.mark.parametrize("credential", CREDENTIALS)
def test_who_shows_a_credential_is_limited_by_the_api_alone(credential: dict[str, str], edge: Nginx) -> None:
    address = f"127.0.2.{CREDENTIALS.index(credential) + 1}"
    ask = edge.api_client(address)
    assert {ask.get("/v1/recordings", credential).status for _ in range(60)} == {200}
    refused = next(answer for _ in range(400) if (answer := ask.get("/v1/recordings")).status == 429)
    assert (refused.headers["Retry-After"], refused.headers["Content-Type"]) == ("1", "application/problem+json")


def test_what_the_api_says_is_kept_and_the_rest_added(edge: Nginx) -> None:
    ask = edge.api_client("127.0.1.4")
    page, other, busy = (ask.get(path) for path in ("/page", "/v1/calls", "/busy"))
    assert (page.headers["Content-Security-Policy"], page.headers["Referrer-Policy"]) == (PAGE_POLICY, "same-origin")
    assert other.headers["Content-Security-Policy"].startswith("default-src 'none'; base-uri 'none'")
    assert (busy.status, busy.headers["Retry-After"]) == (503, "7")
    for answer in (page, other, busy):
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_api_learns_who_asks_for_what_and_by_tls(edge: Nginx) -> None:
    asked = {"Range": "bytes=5-", "X-Forwarded-For": "10.0.4.1"}
    headers = json.loads(edge.api_client("127.0.1.5").get("/v1/x", asked).body)["headers"]
    assert (headers["X-Forwarded-For"], headers["X-Forwarded-Proto"], headers["Range"]) == (
        "127.0.1.5", "https", "bytes=5-",
    )  # fmt: skip
    assert headers["Host"] == f"127.0.0.1:{edge.api_port}"
    named = json.loads(edge.api_client(PROXY).get("/v1/x", {"X-Forwarded-For": "10.0.4.1"}).body)
    assert named["headers"]["X-Forwarded-For"] == "10.0.4.1"


@pytest.mark.parametrize("path", ["/metrics", "/admin/audio/status", "/v1/../metrics"])
def test_what_is_for_operators_is_closed(path: str, edge: Nginx) -> None:
    assert edge.api_client("127.0.1.6").get(path).status == 403
    assert edge.api_client(INSIDE).get(path).status == 200
