import asyncio
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np

from schemas import Policy, PolicyEvent, Record
from schemas.topics import POLICY, RAW, RECORDINGS
from streams.api.index.identity import recording_id
from streams.clients.messages import record_of
from streams.clients.topic_reader import TopicReader
from streams.security.sealing.data_key import DataKey
from streams.security.sealing.sealed_record import is_sealed
from streams.stores import Stores, StoresConfiguration
from streams.stores.claim_check import ClaimCheck
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace
from tests.support.events import COMPRESSED
from tests.support.sealing import sealed_topics

AUDIO = np.random.default_rng(3).bytes(3_000_000)
PCMU = {"content-type": "audio/PCMU", "Idempotency-Key": "key-1"}
RESULT = replace(COMPRESSED, causation_source="/pbx", causation_id="sealed-1")


async def test_a_sealed_result_is_heard_until_it_is_erased(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    async with sealed_topics(broker, namespace, tmp_path / "keys") as topics:
        key = await topics.seal([RESULT.to_record()])
        api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path, AUDIO_KEY_STORE=topics.address)
        api.start()
        try:
            await asyncio.to_thread(api.wait_until_ready)
            number = recording_id("/pbx", "sealed-1")
            async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
                await asyncio.to_thread(api.wait_for, number, "done")
                while (heard := await client.get(f"/v1/recordings/{number}/audio")).status_code == 503:
                    await asyncio.sleep(0.1)  # the keys are still being read
                assert (heard.status_code, heard.content) == (200, RESULT.audio)
                await topics.erase(key)
                await asyncio.to_thread(api.wait_for, number, "erased")
                assert (await client.get(f"/v1/recordings/{number}/audio")).status_code == 410
        finally:
            await asyncio.to_thread(api.stop)


async def test_a_sealed_file_in_a_store_is_heard_in_parts_until_it_is_erased(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    key = DataKey.new()
    (tmp_path / "objects").mkdir()
    stores = Stores.of(replace(StoresConfiguration.parse(f"file://{tmp_path}/objects"), checked=False))
    stored = ClaimCheck(stores, inline_limit=1000).store_result(RESULT, AUDIO, key=key)
    stores.close()
    async with sealed_topics(broker, namespace, tmp_path / "keys") as topics:
        await topics.seal([stored.to_record()], key)
        api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path, AUDIO_KEY_STORE=topics.address)
        api.start()
        try:
            await asyncio.to_thread(api.wait_until_ready)
            url = f"/v1/recordings/{recording_id('/pbx', 'sealed-1')}/audio"
            async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
                await asyncio.to_thread(api.wait_for, recording_id("/pbx", "sealed-1"), "done")
                while (heard := await client.get(url)).status_code == 503:
                    await asyncio.sleep(0.1)  # the keys are still being read
                assert (heard.status_code, heard.content) == (200, AUDIO)
                part = await client.get(url, headers={"Range": "bytes=2000000-2000099"})
                assert (part.status_code, part.content) == (206, AUDIO[2_000_000:2_000_100])
                await topics.erase(key)
                await asyncio.to_thread(api.wait_for, recording_id("/pbx", "sealed-1"), "erased")
                assert (await client.get(url)).status_code == 410
        finally:
            await asyncio.to_thread(api.stop)


async def test_what_is_taken_in_is_sealed_where_a_policy_demands_it_and_nothing_without_keys(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    async with sealed_topics(broker, namespace, tmp_path / "keys") as topics:
        policy = PolicyEvent("lisbon", Policy(1, sealed=True)).to_record()
        await topics.write((f"{namespace.prefix}{POLICY}", policy), partition=0)
        api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path, AUDIO_KEY_STORE=topics.address)
        api.start()
        try:
            await asyncio.to_thread(api.wait_until_ready)
            async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
                for hotel, size in (("lisbon", 8000), ("lisbon", len(AUDIO)), ("porto", 8000)):
                    await check_taken_in(client, api, hotel, AUDIO[:size])
        finally:
            await asyncio.to_thread(api.stop)
        await check_refused(broker, namespace, tmp_path)
    records = [one for topic in (RAW, RECORDINGS) for one in await all_of(broker, f"{namespace.prefix}{topic}")]
    found = {(dict(one.headers)["ce_hotelid"], is_sealed(one)) for one in records}
    assert found == {(b"lisbon", True), (b"porto", False)}
    assert len(records) == 3
    objects = [path.read_bytes() for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert objects
    assert not [one for one in objects if AUDIO[5000:5064] in one]


async def check_refused(broker: Broker, namespace: Namespace, tmp_path: Path) -> None:
    """A process without the key store takes nothing in that has to be sealed."""
    missing = f"file://{tmp_path}/no-keys"
    api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path / "other", AUDIO_KEY_STORE=missing)
    api.start()
    try:
        await asyncio.to_thread(api.wait_until_ready)
        async with httpx.AsyncClient(base_url=api.url, timeout=30) as client:
            sent = await client.post("/v1/recordings", params={"hotel": "lisbon"}, content=AUDIO[:80], headers=PCMU)
            assert (sent.status_code, "has to be sealed" in sent.json()["detail"]) == (503, True)
    finally:
        await asyncio.to_thread(api.stop)


async def check_taken_in(client: httpx.AsyncClient, api: ApiProcess, hotel: str, audio: bytes) -> None:
    """What is sent comes back as it was, and once more with the same key it is the same."""
    headers = PCMU | {"Idempotency-Key": f"key-{len(audio)}"}
    sent = await client.post("/v1/recordings", params={"hotel": hotel}, content=audio, headers=headers)
    assert sent.status_code == 202
    number = sent.json()["id"]
    await asyncio.to_thread(api.wait_for_indexed, number)
    again = await client.post("/v1/recordings", params={"hotel": hotel}, content=audio, headers=headers)
    assert (again.status_code, again.json()["id"]) == (202, number)
    while (original := await client.get(f"/v1/recordings/{number}/original")).status_code in {410, 503}:
        await asyncio.sleep(0.1)  # its key is still to be read
    assert (original.status_code, original.content) == (200, audio)


async def all_of(broker: Broker, topic: str) -> list[Record]:
    async with TopicReader(broker.bootstrap_servers, topic) as reader:
        return [record_of(one) async for one in reader.between(*await reader.bounds())]
