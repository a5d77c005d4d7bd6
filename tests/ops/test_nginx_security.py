"""What nginx refuses: weak TLS, closed paths, malformed requests. Answers have their headers, logs no personal data."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from infra.kafka.ports import HOST, free_ports
from tests.support.containers import until
from tests.support.nginx import Nginx, Response, nginx
from tests.support.upstreams import Upstream, upstream, worker_server

pytestmark = pytest.mark.xdist_group("nginx security")
INSIDE, OUTSIDE = "127.0.0.8", "127.0.0.9"
SECURITY = {
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
}


@dataclass(frozen=True)
class Site:
    """nginx, with an upstream that answers everything (`edge`) and with the worker's HTTP server (`workers`)."""

    edge: Nginx
    workers: Nginx
    origin: Upstream


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    port = free_ports(1)
    with ExitStack() as running:
        running.enter_context(worker_server(port))
        origin = running.enter_context(upstream())
        inside = f"allow {INSIDE};"
        edge, workers = (
            running.enter_context(nginx(tmp_path_factory.mktemp("nginx"), NGINX_WORKERS=to, NGINX_INSIDE=inside))
            for to in (origin.address, f"{HOST}:{port}")
        )
        yield Site(edge, workers, origin)


def problem(response: Response) -> dict[str, object]:
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, object] = json.loads(response.body)
    assert document.keys() == {"type", "title", "status", "detail"}
    assert (document["type"], document["status"]) == ("about:blank", response.status)
    return document


def handshake(site: Site, newest: ssl.TLSVersion, ciphers: str) -> tuple[str | None, str]:
    """The version and the cipher that nginx agrees to with a client that would take anything."""
    context = ssl.create_default_context(cafile=str(site.edge.directory / "certificate.pem"))
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = newest
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with (
        socket.create_connection((HOST, site.edge.https_port)) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        cipher = secure.cipher()
        assert cipher is not None
        return secure.version(), cipher[0]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")  # so it is
def test_tls_is_modern(site: Site) -> None:
    assert handshake(site, ssl.TLSVersion.TLSv1_3, "ALL")[0] == "TLSv1.3"
    version, cipher = handshake(site, ssl.TLSVersion.TLSv1_2, "ALL")
    assert version == "TLSv1.2"
    assert cipher.startswith("ECDHE-ECDSA-")
    with pytest.raises(ssl.SSLError, match="TLSV1_ALERT_PROTOCOL_VERSION"):
        handshake(site, ssl.TLSVersion.TLSv1_1, "ALL")
    for weak in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES128-GCM-SHA256"):
        with pytest.raises(ssl.SSLError, match="HANDSHAKE_FAILURE"):
            handshake(site, ssl.TLSVersion.TLSv1_2, weak)


def test_http_leads_to_https(site: Site) -> None:
    connection = http.client.HTTPConnection(HOST, site.edge.http_port)
    connection.request("GET", "/calls?id=1", headers={"Host": "hotel.example"})
    answer = connection.getresponse()
    assert answer.status == 308
    assert answer.getheader("Location") == f"https://hotel.example:{site.edge.https_port}/calls?id=1"
    connection.close()


@pytest.mark.parametrize(
    ("path", "status", "title"),
    [
        ("/fine", 200, None),
        ("/broken?status=500", 500, None),
        ("/admin/audio/status", 403, "Forbidden"),
        ("/.problem", 404, "Not Found"),
        ("/" + "a" * 9000, 414, "URI Too Long"),
    ],
)
def test_every_answer_has_the_security_headers(path: str, status: int, title: str | None, site: Site) -> None:
    response = site.edge.client("127.0.1.1").get(path)
    assert response.status == status
    assert {name: response.headers[name] for name in SECURITY} == SECURITY
    assert response.headers["Server"] == "nginx"
    assert len(response.headers["X-Request-ID"]) == 32
    assert title is None or problem(response)["title"] == title


def test_too_many_requests_are_a_problem_with_the_security_headers(site: Site) -> None:
    ask = site.edge.client("127.0.1.2")
    response = next(response for _ in range(400) if (response := ask.get("/")).status == 429)
    assert problem(response)["title"] == "Too Many Requests"
    assert {name: response.headers[name] for name in SECURITY} == SECURITY


def test_unreachable_workers_are_a_problem_that_says_when_to_come_again(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    with nginx(tmp_path_factory.mktemp("nginx"), NGINX_WORKERS=f"{HOST}:{free_ports(1)}") as alone:
        response = alone.client("127.0.1.3").get("/health/ready")
    assert (response.status, response.headers["Retry-After"]) == (502, "5")
    assert problem(response)["title"] == "Bad Gateway"
    assert {name: response.headers[name] for name in SECURITY} == SECURITY


@pytest.mark.parametrize(
    "path",
    [
        "/admin", "/admin/", "/admin/audio/status", "/admin/audio/status?x=1", "//admin/audio/status",
        "/%61dmin/audio/status", "/health/../admin/audio/status", "/health/%2e%2e/admin/audio/status",
        "/./admin/audio/status", "/admin%2faudio/status", "https://localhost/admin/audio/status",
        "/metrics", "/metrics/", "/%6detrics",
    ],
)  # fmt: skip
def test_what_is_for_operators_is_closed_however_it_is_written(path: str, site: Site) -> None:
    for edge in (site.edge, site.workers):
        response = edge.client("127.0.1.4" if path.startswith("/admin") else "127.0.1.5").get(path)
        assert response.status == 403
        assert problem(response)["title"] == "Forbidden"
    assert not site.origin.count(path)


def test_no_spelling_reaches_a_worker_that_reads_it_otherwise(site: Site) -> None:
    ask = site.workers.client("127.0.1.6")
    for path in ("/ADMIN/audio/status", "/%2561dmin/audio/status", "/x/..;/admin/audio/status", "/admin;/audio/status"):
        response = ask.get(path, {"Authorization": "Bearer operator"})
        assert response.status == 404, path


def test_named_networks_see_status_and_metrics(site: Site) -> None:
    ask = site.workers.client(INSIDE)
    assert ask.get("/admin/audio/status").status == 401, "the worker still wants its token"
    assert ask.get("/admin/audio/status", {"Authorization": "Bearer operator"}).status == 200
    assert b"audio_" in ask.get("/metrics").body
    outside = site.workers.client(OUTSIDE)
    assert outside.get("/metrics", {"X-Forwarded-For": INSIDE, "X-Real-IP": INSIDE}).status == 403
    assert outside.get("/health/live").status == 200


# Requests with plain newlines, without the empty line that ends the headers.
MALFORMED = {
    "both a length and chunks": (400, "POST / HTTP/1.1\nHost: x\nContent-Length: 3\nTransfer-Encoding: chunked"),
    "two lengths": (400, "POST / HTTP/1.1\nHost: x\nContent-Length: 1\nContent-Length: 2"),
    "an unknown coding": (501, "POST / HTTP/1.1\nHost: x\nTransfer-Encoding: xchunked"),
    "chunks in HTTP/1.0": (400, "POST / HTTP/1.0\nHost: x\nTransfer-Encoding: chunked"),
    "a space before the colon": (400, "POST / HTTP/1.1\nHost: x\nContent-Length : 1"),
    "a bad length": (400, "POST / HTTP/1.1\nHost: x\nContent-Length: +1"),
    "no host": (400, "GET / HTTP/1.1"),
    "two hosts": (400, "GET / HTTP/1.1\nHost: x\nHost: y"),
    "a host with a slash": (400, "GET / HTTP/1.1\nHost: x/y"),
    "no request line": (400, "\x16\x03\x01"),
    "a large header": (431, f"GET / HTTP/1.1\nHost: x\nX: {'a' * 9000}"),
    "many headers": (431, "GET / HTTP/1.1\nHost: x" + f"\nX: {'a' * 4000}" * 10),
    "a large body": (413, "POST / HTTP/1.1\nHost: x\nContent-Length: 1000000"),
    "TRACE": (405, "TRACE / HTTP/1.1\nHost: x"),
}


@pytest.mark.parametrize(("status", "request_text"), MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_request_is_refused_and_reaches_no_worker(status: int, request_text: str, site: Site) -> None:
    asked = len(site.origin.requests)
    context = ssl.create_default_context(cafile=str(site.edge.directory / "certificate.pem"))
    with (
        socket.create_connection((HOST, site.edge.https_port), timeout=30) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(request_text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        answer = http.client.HTTPResponse(secure)
        answer.begin()
        response = Response(answer.status, dict(answer.getheaders()), answer.read())
    assert response.status == status
    problem(response)
    assert len(site.origin.requests) == asked


def test_tls_that_is_missing_is_a_problem(site: Site) -> None:
    connection = http.client.HTTPConnection(HOST, site.edge.https_port)
    connection.request("GET", "/")
    answer = connection.getresponse()
    assert problem(Response(answer.status, dict(answer.getheaders()), answer.read()))["status"] == 400
    connection.close()


def logged_by(site: Site) -> list[dict[str, str]]:
    """The lines of the access log that are complete."""
    lines = (site.edge.directory / "logs" / "access.log").read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def test_the_log_has_what_helps_and_no_personal_data(site: Site) -> None:
    ask = site.edge.client("127.0.77.7")
    agent = {"User-Agent": "Agent-Name", "Referer": "https://example.com/guest", "Cookie": "session=secret"}
    asked = ask.get("/calls/guest-name/room-4711?hotel=lisbon", agent)
    ask.get("/guest%20name", agent)
    ask.get("/admin/guest-name", agent)
    assert site.origin.requests[-1][2]["X-Request-ID"] != site.origin.requests[-2][2]["X-Request-ID"]
    # nginx writes a line after it has sent the answer.
    until(lambda: logged_by(site)[-1]["url.path"] == "/admin", 30, lambda: site.edge.logs)
    logged = logged_by(site)
    (line,) = [line for line in logged if line["trace.id"] == asked.headers["X-Request-ID"]]
    assert (line["url.path"], line["http.response.status_code"], line["limit"]) == ("/calls", "200", "PASSED")
    assert line["upstream.address"] == site.origin.address
    assert [line["url.path"] for line in logged[-2:]] == ["other", "/admin"]
    for personal in ("127.0.77.7", "room-4711", "lisbon", "guest", "Agent-Name", "example.com", "secret"):
        assert personal not in site.edge.logs
