"""nginx in front of workers: balancing, failover, cache and limit, with Debian's nginx and our HTTP servers."""

import concurrent.futures
import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.kafka.ports import free_ports
from tests.support.nginx import CONFIGURATION, OFFICIAL, Nginx, Response, debian_package, lay_out, nginx
from tests.support.upstreams import Upstream, dns, upstream, worker_server

pytestmark = pytest.mark.xdist_group("nginx")  # one of the fixtures is slow to make
RATE, BURST = 10, 20
WITHIN_S = 60.0


@pytest.mark.parametrize("official", [False, True], ids=["Debian's nginx.conf", "the image's nginx.conf"])
def test_nginx_accepts_the_configuration(official: bool, tmp_path: Path) -> None:
    stock = OFFICIAL if official else (debian_package() / "etc" / "nginx" / "nginx.conf").read_text()
    inside = {"NGINX_INSIDE": "allow 10.1.0.0/16; allow fd00::/8;", "NGINX_PROXIES": "set_real_ip_from 10.2.0.5;"}
    command = lay_out(tmp_path, stock, (CONFIGURATION / "workers.conf").read_text(), **inside)
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr.replace('[warn] the "user" directive', "")


def group(*ports: int) -> str:
    """infra/nginx/workers.conf with other ports."""
    text = (CONFIGURATION / "workers.conf").read_text()
    for written, port in zip((8081, 8082), ports, strict=True):
        assert f"127.0.0.1:{written}" in text
        text = text.replace(f"127.0.0.1:{written}", f"127.0.0.1:{port}")
    return text


def answering_port(response: Response) -> int:
    assert response.status == 200, response
    port: int = json.loads(response.body)["port"]
    return port


def test_two_workers_share_the_requests_and_one_takes_over_when_the_other_is_killed(tmp_path: Path) -> None:
    first = free_ports(2)
    with (
        worker_server(first) as killed,
        worker_server(first + 1),
        nginx(tmp_path, group(first, first + 1), NGINX_WORKERS="audio-workers") as edge,
    ):
        ask = [edge.client(f"127.0.1.{number}") for number in range(1, 11)]
        before = [answering_port(client.get("/policies?hotel=lisbon")) for client in ask for _ in range(4)]
        assert (before.count(first), before.count(first + 1)) == (20, 20)
        with concurrent.futures.ThreadPoolExecutor(len(ask)) as pool:
            asking = [pool.submit(lambda asks: [asks.get("/policies?hotel=x") for _ in range(8)], one) for one in ask]
            killed.kill()
            during = [response for future in asking for response in future.result()]
        assert {response.status for response in during} == {200}
        killed.wait()
        after = {answering_port(client.get("/policies?hotel=lisbon")) for client in ask}
        assert after == {first + 1}


def test_the_service_is_ready_when_one_worker_is(tmp_path: Path) -> None:
    first = free_ports(2)
    with (
        worker_server(first, ready=False),
        ExitStack() as other,
        nginx(tmp_path, group(first, first + 1), NGINX_WORKERS="audio-workers") as edge,
    ):
        process = other.enter_context(worker_server(first + 1))
        ask = edge.client("127.0.1.1")
        assert {ask.get("/health/ready").status for _ in range(6)} == {200}
        process.kill()
        process.wait()
        unready = edge.client("127.0.1.2").get("/health/ready")
        assert unready.status in (502, 503)


def test_workers_are_found_by_name_while_their_number_changes(tmp_path: Path) -> None:
    port = free_ports(1)
    one, two, three, dead = (f"127.0.0.{number}" for number in (2, 3, 4, 5))
    with (
        upstream(one, port),
        upstream(two, port),
        upstream(three, port),
        dns([one, two, dead]) as names,
        nginx(tmp_path, NGINX_WORKERS=f"worker:{port}", NGINX_RESOLVER=names.address) as edge,
    ):

        def answered_by(address: str) -> str:
            response = edge.client(address).get("/any")
            assert response.status == 200, response
            return str(json.loads(response.body)["from"]).split(":")[0]

        assert {answered_by(f"127.0.1.{number}") for number in range(1, 41)} == {one, two}
        names.addresses = [three]
        until = time.monotonic() + WITHIN_S
        while answered_by("127.0.2.1") != three:
            assert time.monotonic() < until
            time.sleep(0.2)
        assert {answered_by(f"127.0.3.{number}") for number in range(1, 11)} == {three}


@pytest.fixture(scope="module")
def origin() -> Iterator[Upstream]:
    with upstream() as serving:
        yield serving


@pytest.fixture(scope="module")
def edge(origin: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nginx]:
    proxies = "set_real_ip_from 127.0.9.9;"
    with nginx(tmp_path_factory.mktemp("nginx"), NGINX_WORKERS=origin.address, NGINX_PROXIES=proxies) as running:
        yield running


def test_what_a_response_allows_is_stored(edge: Nginx, origin: Upstream) -> None:
    ask = edge.client("127.0.4.1")
    path = "/stored?cache=max-age=60"
    head = ask.request("HEAD", path)
    answers = [ask.get(path) for _ in range(3)]
    assert [answer.headers["X-Cache-Status"] for answer in (head, *answers)] == ["MISS", "HIT", "HIT", "HIT"]
    assert {answer.body for answer in answers} == {json.dumps({"from": origin.address}).encode()}
    assert origin.count(path) == 1
    assert ask.get("/stored?cache=max-age=60&page=2").headers["X-Cache-Status"] == "MISS"


@pytest.mark.parametrize(
    "path",
    [
        "/unsaid",
        "/no-store?cache=no-store",
        "/no-cache?cache=no-cache",
        "/private?cache=private,max-age=60",
        "/never-stale?cache=max-age=60,must-revalidate",
        "/health/checked?cache=max-age=60",
        "/not-found?cache=no-store&status=404",
    ],
)
def test_what_a_response_does_not_allow_is_asked_for_each_time(path: str, edge: Nginx, origin: Upstream) -> None:
    ask = edge.client("127.0.4.2")
    answers = [ask.get(path) for _ in range(2)]
    assert {answer.headers.get("X-Cache-Status") for answer in answers} <= {"MISS", None}
    assert origin.count(path) == 2


@pytest.mark.parametrize("headers", [{"Authorization": "Bearer x"}, {"Cookie": "session=x"}])
def test_what_depends_on_who_asks_is_neither_stored_nor_taken_from_the_cache(
    headers: dict[str, str], edge: Nginx, origin: Upstream
) -> None:
    ask = edge.client("127.0.4.3")
    path = f"/{next(iter(headers))}?cache=max-age=60"
    answers = [ask.get(path, headers), ask.get(path), ask.get(path, headers), ask.get(path)]
    assert [answer.headers["X-Cache-Status"] for answer in answers] == ["BYPASS", "MISS", "BYPASS", "HIT"]
    assert origin.count(path) == 3


def test_changes_are_never_stored(edge: Nginx, origin: Upstream) -> None:
    ask = edge.client("127.0.4.4")
    path = "/changed?cache=max-age=60"
    assert [ask.request("POST", path, body=b"x").status for _ in range(2)] == [200, 200]
    assert origin.count(path) == 2


def test_one_request_fills_the_cache_for_all_that_wait(edge: Nginx, origin: Upstream) -> None:
    path = "/slow?cache=max-age=60&seconds=0.5"
    asks = [edge.client(f"127.0.5.{number}") for number in range(1, 11)]
    with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
        answers = list(pool.map(lambda ask: ask.get(path), asks))
    assert {answer.status for answer in answers} == {200}
    assert origin.count(path) == 1


def test_an_outdated_response_is_served_when_no_worker_answers(tmp_path: Path) -> None:
    with ExitStack() as alive:
        origin = alive.enter_context(upstream())
        with nginx(tmp_path, NGINX_WORKERS=origin.address) as edge:
            ask = edge.client("127.0.4.5")
            path = "/outdated?cache=max-age=1"
            assert ask.get(path).headers["X-Cache-Status"] == "MISS"
            alive.close()
            until = time.monotonic() + WITHIN_S
            while (answer := ask.get(path)).headers["X-Cache-Status"] == "HIT":
                assert time.monotonic() < until
                time.sleep(0.3)
            assert (answer.status, answer.headers["X-Cache-Status"]) == (200, "STALE")
            assert ask.get("/never-seen").status == 502


def test_an_address_gets_its_rate_and_its_burst_and_no_more(edge: Nginx) -> None:
    asks = [edge.client("127.0.6.1") for _ in range(20)]
    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(len(asks)) as pool:
        answers = [answer for some in pool.map(lambda ask: [ask.get("/") for _ in range(10)], asks) for answer in some]
    took = time.monotonic() - begun
    other = edge.client("127.0.6.2")
    assert [other.get("/").status for _ in range(BURST)] == [200] * BURST
    served = sum(answer.status == 200 for answer in answers)
    refused = [answer for answer in answers if answer.status == 429]
    assert served + len(refused) == len(answers) == 200
    assert 1 + BURST <= served <= 1 + BURST + RATE * took + 1
    assert {(answer.headers["Retry-After"], answer.headers["Content-Type"]) for answer in refused} == {
        ("1", "application/problem+json")
    }


def limited(edge: Nginx, address: str, forwarded: Iterator[str]) -> bool:
    """Whether requests that are made for the given addresses are refused sooner or later."""
    ask = edge.client(address)
    return any(ask.get("/", {"X-Forwarded-For": one}).status == 429 for one in forwarded)


def test_a_network_of_ipv6_is_one_address(edge: Nginx) -> None:
    proxy = "127.0.9.9"
    assert limited(edge, proxy, (f"2001:db8:0:1:{number:x}::1" for number in range(1, 400)))
    assert not limited(edge, proxy, (f"2001:db8:0:{number:x}::1" for number in range(2, 60)))
    assert not limited(edge, proxy, (f"::ffff:10.0.0.{number}" for number in range(1, 60)))
    assert limited(edge, proxy, iter(["::ffff:10.0.1.1"] * 400))
    assert not limited(edge, proxy, (f"10.0.2.{number}" for number in range(1, 60)))


def test_only_a_named_proxy_says_for_whom_it_asks(edge: Nginx, origin: Upstream) -> None:
    assert limited(edge, "127.0.9.1", (f"10.0.3.{number % 250}" for number in range(400)))
    edge.client("127.0.9.2").get("/claimed", {"X-Forwarded-For": "10.0.4.1"})
    edge.client("127.0.9.9").get("/named", {"X-Forwarded-For": "10.0.4.1"})
    told = {path: headers["X-Forwarded-For"] for _, path, headers in origin.requests}
    assert (told["/claimed"], told["/named"]) == ("127.0.9.2", "10.0.4.1")
