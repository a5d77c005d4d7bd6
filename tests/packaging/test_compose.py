"""The composed system, started from its files and used as in production: calls flow while it is changed."""

import asyncio
import contextlib
import http.client
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from docker.errors import APIError  # type: ignore[import-untyped]  # docker ships no types

from infra.kafka.ports import HOST
from streams.security.api_keys import ApiKeys, new_key
from streams.security.roles import Role
from tests.support import containers, service_images
from tests.support.composed import FILES, Composed, composed
from tests.support.containers import BuiltImage, printed_by, until
from tests.support.traffic import Traffic

# With the tests of the image, as they share it.
pytestmark = [pytest.mark.xdist_group("image"), pytest.mark.timeout(1500)]

ONCE = {"topics", "monitoring"}
READ_ONLY = {"topics", "monitoring", "worker", "api", "prometheus", "alertmanager", "nginx"}
RULES = sorted((FILES.parent / "prometheus").glob("*.rules.yml"))
WITHIN_S = 300.0
KEY = new_key("test", Role.SENDER, None, now=datetime.now(UTC), lifetime=timedelta(days=1))


@pytest.fixture(scope="module")
def images(image: BuiltImage) -> dict[str, str]:
    return {"AUDIO_IMAGE": image.name, **service_images.service_images(containers.require_engine())}


@pytest.fixture(scope="module")
def system(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    """The system with one worker and the HTTP API, in which `KEY` may send and hear."""
    directory = tmp_path_factory.mktemp("composed")
    with composed(directory, images, "compose.local.yaml", profiles="api") as made:
        keys = directory / "secrets" / "api" / "api-keys.json"
        keys.parent.mkdir(mode=0o755)
        keys.write_bytes(ApiKeys([KEY[1]]).to_json())
        made.up(workers=1)
        yield made


def targets(system: Composed, job: str = "audio-workers") -> list[str]:
    """The health of every process of a job that Prometheus has found."""
    found = system.prometheus("targets?state=active")["activeTargets"]
    return [one["health"] for one in found if one["labels"]["job"] == job]


async def until_scraped(system: Composed, workers: int) -> None:
    await asyncio.to_thread(until, lambda: targets(system) == ["up"] * workers, WITHIN_S, system.logs)


async def scale(system: Composed, workers: int) -> None:
    await asyncio.to_thread(system.up, workers=workers)
    await until_scraped(system, workers)


async def test_nothing_is_lost_or_doubled_while_it_is_scaled_and_a_worker_dies(system: Composed) -> None:
    traffic = Traffic(system.bootstrap_servers, "", "hotel-audio")
    async with traffic.during("one worker becomes three") as step:
        await scale(system, 3)
    assert step.problems == []
    async with traffic.during("a worker dies and is started again") as step:
        victim = system.containers("worker")[0]
        started = victim.attrs["State"]["StartedAt"]
        with contextlib.suppress(APIError):  # podman may look for the command's exit code when its container has ended
            victim.exec_run(["/bin/sh", "-c", "kill -KILL $(cat /proc/1/task/1/children)"])
        await asyncio.to_thread(until, lambda: is_back(victim, started), WITHIN_S, system.logs)
        await asyncio.to_thread(until, lambda: len(system.ready_workers()) == 3, WITHIN_S, system.logs)
    assert step.problems == []
    async with traffic.during("three workers become one") as step:
        await scale(system, 1)
    assert step.problems == []


def is_back(container: Any, started: str) -> bool:
    container.reload()
    return bool(container.status == "running" and container.attrs["State"]["StartedAt"] != started)


def test_every_container_is_as_little_as_it_can_be(system: Composed) -> None:
    seen = set()
    for container in system.containers():
        service = container.labels["com.docker.compose.service"]
        host, config = container.attrs["HostConfig"], container.attrs["Config"]
        seen.add(service)
        assert config["User"].split(":")[0] not in {"", "0", "root"}, service
        assert any(option.startswith("no-new-privileges") for option in host["SecurityOpt"]), service
        assert not host["Privileged"], service
        assert host["ReadonlyRootfs"] == (service in READ_ONLY), service
        assert 0 < host["Memory"] <= 4 * 2**30, service
        assert host["PidsLimit"] > 0, service
        assert (host["RestartPolicy"]["Name"] in {"no", ""}) == (service in ONCE), service
        if container.status == "running":
            status = printed_by(container, "grep -E '^Cap(Eff|Bnd)|^NoNew' /proc/1/status")
            assert set(status.split()[1::2]) == {"0000000000000000", "1"}, service
    assert seen == {*ONCE, "kafka", "worker", "api", "prometheus", "alertmanager", "nginx"}


def test_each_worker_has_a_state_volume_of_its_own(system: Composed) -> None:
    [worker] = system.containers("worker")
    [volume] = [one for one in worker.attrs["Mounts"] if one["Destination"] == containers.STATE]
    assert volume["RW"]
    assert len(volume["Name"]) == 64  # anonymous


def test_prometheus_watches_the_workers_by_all_rules(system: Composed) -> None:
    until(lambda: targets(system) == ["up"], WITHIN_S, system.logs)
    loaded = [rule["name"] for group in system.prometheus("rules")["groups"] for rule in group["rules"]]
    written = [
        rule.get("alert") or rule["record"]
        for file in RULES
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    ]
    assert sorted(loaded) == sorted(written)
    assert [one["url"] for one in system.prometheus("alertmanagers")["activeAlertmanagers"]] == [
        "http://alertmanager:9093/api/v2/alerts"
    ]


def test_alertmanager_has_its_routes(system: Composed) -> None:
    routes = yaml.safe_load(system.alertmanager("status")["config"]["original"])
    assert {one["name"] for one in routes["receivers"]} == {"critical", "warning", "info"}


def test_nginx_shows_health_over_tls_and_nothing_of_operators(system: Composed) -> None:
    client = system.nginx()
    until(lambda: client.get("/health/ready").status == 200, WITHIN_S, system.logs)
    assert client.get("/admin/audio/status").status == 403
    assert client.get("/metrics").status == 403
    plain = http.client.HTTPConnection(HOST, int(system.environment["HTTP_PORT"]), timeout=30)
    plain.request("GET", "/health/ready")
    assert plain.getresponse().status == 308


def test_the_api_takes_in_hands_out_and_is_watched(system: Composed) -> None:
    client, key = system.nginx("API_PORT"), {"Authorization": f"Bearer {KEY[0]}"}
    until(lambda: client.get("/health/ready").status == 200, WITHIN_S, system.logs)
    assert client.get("/v1/recordings").status == 401
    audio = bytes(1_200_000)  # more than nginx keeps in memory, and than a record takes
    sent = client.request("POST", "/v1/recordings?hotel=lisbon", {**key, "Content-Type": "audio/PCMU"}, audio)
    assert sent.status == 202, sent
    place = f"/v1/recordings/{json.loads(sent.body)['id']}"
    until(lambda: json.loads(client.get(place, key).body)["state"] == "done", WITHIN_S, system.logs)
    for path in ("original", "audio"):
        assert client.get(f"{place}/{path}", key).status == 200
    assert client.get("/login").headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    until(lambda: targets(system, "audio-api") == ["up"], WITHIN_S, system.logs)


@pytest.mark.long
async def test_three_brokers_go_on_without_one(images: dict[str, str], tmp_path: Path) -> None:
    with composed(tmp_path, images, "compose.three-brokers.yaml", "compose.local.yaml") as system:
        await asyncio.to_thread(system.up, workers=2)
        traffic = Traffic(system.bootstrap_servers, "", "hotel-audio")
        async with traffic.during("a broker is stopped and started again") as step:
            await asyncio.to_thread(system.compose, "stop", "kafka-3")
            await asyncio.sleep(10)
            await asyncio.to_thread(system.compose, "start", "kafka-3")
        assert step.problems == []
