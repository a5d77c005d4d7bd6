import asyncio
import re
import uuid
from pathlib import Path

import httpx

from streams.api.reference import allowed
from streams.api.routes import ROUTES
from streams.security.roles import Role
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def test_each_role_may_do_what_the_table_says(guarded: ApiProcess, keys: dict[str, str]) -> None:
    with httpx.Client(base_url=guarded.url, timeout=10) as client:
        for one in ROUTES:
            path = re.sub(r"\{\w+\}", str(uuid.uuid4()), one.path)
            if path.endswith("events"):  # never ends
                continue
            for role in Role:
                status = client.request(one.method, path, headers=bearer(keys[f"{role.value}-all"])).status_code
                assert (status == 403) is not allowed(one, role), (one.method, one.path, role, status)
                assert status not in {401, 429, 500}, (one.method, one.path, role, status)


def test_without_a_credential_only_health_metrics_and_the_document_are_served(guarded: ApiProcess) -> None:
    refused = [one for one in ROUTES if one.permission is not None][:8]  # nine and more are limited
    assert refused
    for one in refused:
        answer = httpx.request(one.method, f"{guarded.url}{re.sub(r'{.*}', '1', one.path)}")
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert one.method == "HEAD" or answer.json()["status"] == 401
    for path in ("/health/live", "/health/ready", "/metrics", "/openapi.json"):
        assert httpx.get(f"{guarded.url}{path}").status_code == 200


def test_a_hotel_sees_its_own_alone(guarded: ApiProcess, keys: dict[str, str]) -> None:
    lisbon, porto = bearer(keys["sender-lisbon"]), bearer(keys["sender-porto"])
    url = f"{guarded.url}/v1/recordings"
    audio = {"content-type": "audio/PCMU"}
    sent = httpx.post(url, params={"hotel": "lisbon"}, content=bytes(800), headers=lisbon | audio)
    assert sent.status_code == 202
    assert httpx.post(url, params={"hotel": "lisbon"}, content=bytes(8), headers=porto | audio).status_code == 403
    number = sent.json()["id"]
    unknown = httpx.get(f"{url}/{uuid.uuid4()}", headers=porto)
    for path in ("", "/audio", "/original"):
        assert httpx.get(f"{url}/{number}{path}", headers=lisbon).status_code != 404
        other = httpx.get(f"{url}/{number}{path}", headers=porto)
        assert (other.status_code, other.content) == (404, unknown.content)
    guarded.wait_for_indexed(number, lisbon)
    assert [one["id"] for one in httpx.get(url, headers=lisbon).json()["items"]] == [number]
    assert httpx.get(url, headers=porto).json()["items"] == []
    assert httpx.get(url, params={"hotel": "lisbon"}, headers=porto).json()["items"] == []


async def test_requests_are_limited_by_address_and_by_key(
    broker: Broker, namespace: Namespace, topics: None, tmp_path: Path, keys: dict[str, str]
) -> None:
    settings = {"AUDIO_API_KEYS_FILE": str(tmp_path / "keys"), "AUDIO_API_KEY_RATE": "1"}
    one = ApiProcess(broker.bootstrap_servers, namespace, tmp_path, **settings)
    one.start()
    try:
        one.wait_until_ready()
        async with httpx.AsyncClient(base_url=one.url, timeout=30) as client:
            for headers in (bearer(keys["viewer-all"]), {}):
                limited = await first_limited(client, headers)
                assert int(limited.headers["retry-after"]) >= 1
                assert limited.headers["content-type"] == "application/problem+json"
    finally:
        one.stop()


async def first_limited(client: httpx.AsyncClient, headers: dict[str, str]) -> httpx.Response:
    """Ask many times at once, on a slow machine again and again, until a request is one too many."""
    while True:
        answers = await asyncio.gather(*(client.get("/v1/recordings", headers=headers) for _ in range(40)))
        for answer in answers:
            if answer.status_code == 429:
                return answer


def test_an_open_api_serves_this_machine_alone(
    broker: Broker, namespace: Namespace, api: ApiProcess, tmp_path: Path
) -> None:
    assert "open" in httpx.get(f"{api.url}/admin/audio/status").json()["access"]
    for headers in ({"host": "evil.example"}, {"origin": "http://evil.example"}):
        assert httpx.get(f"{api.url}/v1/recordings", headers=headers).status_code == 403
    elsewhere = ApiProcess(broker.bootstrap_servers, namespace, tmp_path / "else", AUDIO_HTTP_HOST="::")
    elsewhere.start()
    try:
        assert elsewhere.wait() == 2
    finally:
        elsewhere.stop()
    assert "AUDIO_API_KEYS_FILE" in elsewhere.log.read_text()
