"""Policies over HTTP: set, read and removed, by whom, and never one over the other."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from schemas.topics import AUDIT
from scripts.commands import policy as policy_command
from streams.clients.errors import ApiRefusedError
from streams.clients.http import AsyncHttpClient, HttpClient
from streams.clients.topic_reader import TopicReader
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace


class Policies:
    """The policies of an API process.

    Args:
        api: The process.
        key: An API key, if it asks for one.
    """

    def __init__(self, api: ApiProcess, key: str | None = None) -> None:
        self._url = f"{api.url}/v1/policies"
        self._headers = {} if key is None else {"authorization": f"Bearer {key}"}

    def get(self, hotel: str) -> httpx.Response:
        return httpx.get(f"{self._url}/{hotel}", headers=self._headers, timeout=60)

    def put(self, hotel: str, body: Any, **conditions: str) -> httpx.Response:
        headers = {"content-type": "application/json", **self._headers, **named(conditions)}
        content = body if isinstance(body, bytes) else json.dumps(body)
        return httpx.put(f"{self._url}/{hotel}", content=content, headers=headers, timeout=60)

    def delete(self, hotel: str, **conditions: str) -> httpx.Response:
        return httpx.delete(f"{self._url}/{hotel}", headers={**self._headers, **named(conditions)}, timeout=60)


def named(conditions: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in conditions.items()}


async def test_a_policy_is_set_changed_and_removed(broker: Broker, namespace: Namespace, api: ApiProcess) -> None:
    policies = Policies(api)
    assert policies.get("seaside").status_code == 404
    made = policies.put("seaside", {"ceilingLevel": 4})
    assert (made.status_code, made.json()["version"], made.json()["ceilingLevel"]) == (201, 1, 4)
    read = policies.get("seaside")
    assert (read.json(), read.headers["etag"]) == (made.json(), made.headers["etag"])
    same = policies.put("seaside", read.json())
    assert (same.status_code, same.json()) == (200, made.json()), "what is in force already is not written again"
    where = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    command = ["set", "--hotel", "seaside", "--legal-hold", "--no-wait", *where, "--group", namespace.group]
    assert await asyncio.to_thread(policy_command.main, command) == 0

    overtaken = policies.put("seaside", {"ceilingLevel": 3}, If_Match=made.headers["etag"])
    assert (overtaken.status_code, overtaken.headers["content-type"]) == (412, "application/problem+json")
    while (now := policies.get("seaside")).json()["version"] != 2:
        await asyncio.sleep(0.05)
    assert (now.json()["legalHold"], now.json()["ceilingLevel"]) == (True, 4)
    assert policies.put("seaside", {}, If_Match=f"W/{now.headers['etag']}").status_code == 412
    assert policies.put("seaside", {}, If_None_Match="*").status_code == 412
    changed = policies.put("seaside", {"ceilingLevel": 3}, If_Match=f'"x", {now.headers["etag"]}')
    assert (changed.status_code, changed.json()["version"], changed.json()["legalHold"]) == (200, 3, False)

    assert policies.delete("seaside", If_Match=now.headers["etag"]).status_code == 412
    removed = policies.delete("seaside", If_Match=changed.headers["etag"])
    assert (removed.status_code, removed.content) == (204, b"")
    assert policies.get("seaside").status_code == 404
    assert policies.delete("seaside").status_code == 404
    assert policies.put("seaside", {}, If_Match="*").status_code == 412
    assert [one["event.action"] for one in await audit(broker, namespace)] == [*["policy-set"] * 3, "policy-remove"]


async def test_the_python_clients_set_read_and_remove_a_policy(api: ApiProcess) -> None:
    await asyncio.to_thread(by_client, api.url)
    async with AsyncHttpClient(api.url) as http:
        made = await http.set_policy("sea/side", {"ceilingLevel": 3})
        assert await http.policy("sea/side") == made
        await http.remove_policy("sea/side")


def by_client(url: str) -> None:
    with HttpClient(url) as http:
        made = http.set_policy("sea/side", {"ceilingLevel": 4})
        assert (made["version"], made["ceilingLevel"]) == (1, 4)
        assert http.policy("sea/side") == made
        with pytest.raises(ApiRefusedError) as overtaken:
            http.set_policy("sea/side", {}, if_match='"x"')
        http.remove_policy("sea/side")
        with pytest.raises(ApiRefusedError) as unknown:
            http.policy("sea/side")
        assert (overtaken.value.status, unknown.value.status) == (412, 404)


async def audit(broker: Broker, namespace: Namespace) -> list[dict[str, Any]]:
    async with TopicReader(broker.bootstrap_servers, f"{namespace.prefix}{AUDIT}") as reader:
        return [json.loads(one.value or b"") async for one in reader.between(*await reader.bounds())]


def test_each_rule_that_is_broken_is_named(api: ApiProcess) -> None:
    policies = Policies(api)
    wrong = policies.put("seaside", {"ceilingLevel": 9, "minQuality": "good", "colour": "blue"})
    assert (wrong.status_code, wrong.headers["content-type"]) == (422, "application/problem+json")
    assert [one["field"] for one in wrong.json()["errors"]] == ["ceilingLevel", "minQuality", "'colour'"]
    assert wrong.json()["errors"][0]["reason"] == "is 9 and must be a level from 1 to 5"
    [contradiction] = policies.put("seaside", {"floorLevel": 4, "ceilingLevel": 2}).json()["errors"]
    assert contradiction["field"] == "floorLevel"
    [other] = policies.put("seaside", {"hotel": "lisbon"}).json()["errors"]
    assert other["field"] == "hotel"
    for body, status in ((b"{", 400), (b"[]", 400), (b"", 400), (b'{"floorLevel": 1, "floorLevel": 2}', 400)):
        assert policies.put("seaside", body).status_code == status, body
    assert policies.put("seaside", b" " * 300_000).status_code == 413
    assert policies.put("a" * 256, {}).status_code == 400
    assert policies.get("seaside").status_code == 404


def test_who_may_do_what(guarded: ApiProcess, keys: dict[str, str]) -> None:
    lisbon = Policies(guarded, keys["operator-lisbon"])
    assert lisbon.put("lisbon", {}).status_code == 201
    for role in ("viewer-lisbon", "sender-lisbon", "viewer-all"):
        assert Policies(guarded, keys[role]).get("lisbon").status_code == 200
        assert Policies(guarded, keys[role]).put("lisbon", {}).status_code == 403
        assert Policies(guarded, keys[role]).delete("lisbon").status_code == 403
    other = Policies(guarded, keys["operator-porto"])
    assert {one.status_code for one in (other.get("lisbon"), other.put("lisbon", {}), other.delete("lisbon"))} == {403}


async def test_of_changes_at_the_same_moment_each_is_numbered_or_refused(api: ApiProcess) -> None:
    policies = Policies(api)
    bodies = [{"maxBytesPerMinute": 10_000 + number} for number in range(6)]
    answers = await asyncio.gather(*(asyncio.to_thread(policies.put, "seaside", body) for body in bodies))
    assert {one.status_code for one in answers} <= {200, 201, 409}
    versions = sorted(one.json()["version"] for one in answers if one.status_code < 300)
    assert versions == list(range(1, len(versions) + 1))
    assert policies.get("seaside").json()["version"] == len(versions)
