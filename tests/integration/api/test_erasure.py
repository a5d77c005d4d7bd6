import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from schemas import Policy, PolicyEvent
from schemas.topics import POLICY
from scripts.commands import audit
from streams.api.index.identity import recording_id
from streams.compliance.receipt import Receipt, check_receipt
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED
from tests.support.sealing import SealedTopics, sealed_topics

CALL = "/v1/calls/call-1"
SENT = replace(COMPRESSED, causation_source="/pbx", sequence=0)
RESULTS = [
    replace(SENT, causation_id="guest", channel="guest"),
    replace(SENT, causation_id="agent", channel="agent"),
    replace(SENT, causation_id="clear", channel="mixed"),
]


@pytest.fixture
def process(broker: Broker, namespace: Namespace, tmp_path: Path, keys: dict[str, str]) -> Iterator[ApiProcess]:
    """A process with roles and a key store, which is not started yet."""
    assert keys
    settings = {"AUDIO_API_KEYS_FILE": str(tmp_path / "keys"), "AUDIO_API_KEY_RATE": "100000"}
    address = f"file://{tmp_path}/key-store"
    one = ApiProcess(broker.bootstrap_servers, namespace, tmp_path, AUDIO_KEY_STORE=address, **settings)
    yield one
    one.stop()


async def test_a_call_is_erased_unless_there_is_a_legal_hold_and_there_is_a_receipt(
    broker: Broker, namespace: Namespace, tmp_path: Path, keys: dict[str, str], process: ApiProcess
) -> None:
    async with sealed_topics(broker, namespace, tmp_path / "key-store") as topics:
        await topics.seal([one.to_record() for one in RESULTS[:2]])
        await topics.write((topics.results, RESULTS[2].to_record()))
        await asyncio.to_thread(process.start)
        await asyncio.to_thread(process.wait_until_ready)
        headers = {"authorization": f"Bearer {keys['eraser-all']}"}
        async with httpx.AsyncClient(base_url=process.url, timeout=60, headers=headers) as client:
            while (await client.get(CALL)).json().get("segmentCount") != len(RESULTS):
                await asyncio.sleep(0.1)
            await check_whose_it_is(client, keys)
            await hold(topics, namespace, version=1, legal_hold=True)
            held = await client.delete(CALL)
            assert (held.status_code, "legal hold" in held.json()["detail"]) == (409, True)
            status, text = await erase_by_page(process.url, keys["eraser-all"])
            assert (status, "The hotel has a legal hold" in text) == (409, True)
            assert await states(client) == ["done", "done", "done"]
            await hold(topics, namespace, version=2, legal_hold=False)
            erased = await client.delete(CALL)
            assert (erased.status_code, erased.json()["keys"], erased.json()["inClear"]) == (200, 1, 1)
            assert await states(client) == ["erased", "erased", "done"]
            heard = {"authorization": f"Bearer {keys['listener-all']}"}
            for one, status in zip(RESULTS, (410, 410, 200), strict=True):
                answer = await client.get(f"/v1/recordings/{number_of(one.causation_id)}/audio", headers=heard)
                assert answer.status_code == status
            assert (await client.delete(CALL)).json()["keys"] == 0
            status, text = await erase_by_page(process.url, keys["eraser-all"])
            assert (status, "Nothing was left to erase" in text, "1 result<" in text) == (200, True, True)
            assert "No signed head of the audit covers the erasure yet" in text
            await check_receipts(client, erased.json()["request"], tmp_path, namespace, broker)


async def check_whose_it_is(client: httpx.AsyncClient, keys: dict[str, str]) -> None:
    """Another hotel's eraser finds no call, and a call that nobody knows has no keys."""
    other = {"authorization": f"Bearer {keys['eraser-lisbon']}"}
    for parameters in ({}, {"hotel": "seaside"}):
        assert (await client.delete(CALL, params=parameters, headers=other)).status_code == 404
    assert (await client.delete("/v1/calls/unknown")).status_code == 404
    unknown = await client.delete("/v1/calls/unknown", params={"hotel": "seaside"})
    assert (unknown.status_code, unknown.json()["keys"]) == (200, 0)


async def erase_by_page(url: str, key: str) -> tuple[int, str]:
    """Log in to the console and erase the call; the page that comes last."""
    async with httpx.AsyncClient(base_url=url, timeout=60, follow_redirects=True) as browser:
        question = f"/calls/{CALL.rpartition('/')[2]}/erase"
        login = token_of((await browser.get(question)).text)
        asked = await browser.post("/login", data={"csrf": login, "key": key, "next": question})
        page = await browser.post(question, data={"csrf": token_of(asked.text), "hotel": "seaside"})
        return page.status_code, page.text


def token_of(page: str) -> str:
    return page.partition('name="csrf" value="')[2].partition('"')[0]


async def check_receipts(
    client: httpx.AsyncClient, request: str, tmp_path: Path, namespace: Namespace, broker: Broker
) -> None:
    """There is a receipt when somebody has signed the audit, and it can be checked with the public key alone."""
    path = f"/v1/erasures/{request}/receipt"
    early = await client.get(path)
    assert (early.status_code, early.headers["retry-after"]) == (409, "60")
    assert (await client.get(f"/v1/erasures/{'0' * 16}/receipt")).status_code == 404
    private = Ed25519PrivateKey.generate()
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "key").write_bytes(private.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain))
    options = ["--key", str(tmp_path / "key"), "--heads", str(tmp_path / "heads")]
    cluster = ["--bootstrap-servers", broker.bootstrap_servers, "--topic-prefix", namespace.prefix]
    while (found := await client.get(path)).status_code == 409:
        assert await asyncio.to_thread(audit.main, ["sign", *options, *cluster, "--group", namespace.group]) == 0
    assert found.status_code == 200
    entry = check_receipt(Receipt.from_json(found.content), private.public_key())
    assert not isinstance(entry, str), entry
    assert (entry.action, entry.request, "call:call-1" in entry.objects) == ("erasure", request, True)
    assert json.loads(found.content)["format"]


async def hold(topics: SealedTopics, namespace: Namespace, *, version: int, legal_hold: bool) -> None:
    policy = PolicyEvent("seaside", Policy(version, legal_hold=legal_hold)).to_record()
    await topics.write((f"{namespace.prefix}{POLICY}", policy), partition=0)


async def states(client: httpx.AsyncClient) -> list[str]:
    """The states of the results, in their order."""
    return [(await client.get(f"/v1/recordings/{number_of(one.causation_id)}")).json()["state"] for one in RESULTS]


def number_of(name: str) -> str:
    return recording_id("/pbx", name)
