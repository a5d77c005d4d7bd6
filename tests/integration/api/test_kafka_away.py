import asyncio
from pathlib import Path

import httpx

from infra.kafka.cluster import LocalCluster
from streams.clients.topic_reader import TopicReader
from tests.support.api_process import ApiProcess
from tests.support.brokers import Namespace


async def test_without_brokers_nothing_is_accepted_and_all_comes_back(
    mortal: LocalCluster, namespace: Namespace, tmp_path: Path
) -> None:
    api = ApiProcess(mortal.bootstrap_servers, namespace, tmp_path)
    api.start()
    try:
        await asyncio.to_thread(api.wait_until_ready)
        async with httpx.AsyncClient(base_url=api.url, timeout=60) as client:
            first = await send(client, "key-1")
            assert first.status_code == 202
            await asyncio.to_thread(mortal.kill, 1)
            silent = await until(client, "/health/ready", 503)
            assert silent.json()["brokers_answer"] is False
            refused = await send(client, "key-2")
            assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
            assert int(refused.headers["retry-after"]) > 0
            known = await client.get(f"/v1/recordings/{first.json()['id']}")
            assert known.status_code == 200
            await asyncio.to_thread(mortal.restart, 1)
            await until(client, "/health/ready", 200)
            while (again := await send(client, "key-2")).status_code != 202:
                await asyncio.sleep(0.2)
            assert (await send(client, "key-1")).json()["id"] == first.json()["id"] != again.json()["id"]
        async with TopicReader(mortal.bootstrap_servers, f"{namespace.prefix}audio.raw") as reader:
            begins, ends = await reader.bounds()
        assert sum(ends.values()) - sum(begins.values()) >= 2
    finally:
        await asyncio.to_thread(api.stop)


async def send(client: httpx.AsyncClient, key: str) -> httpx.Response:
    headers = {"content-type": "audio/PCMU", "Idempotency-Key": key}
    return await client.post("/v1/recordings", params={"hotel": "lisbon"}, content=bytes(800), headers=headers)


async def until(client: httpx.AsyncClient, path: str, status: int) -> httpx.Response:
    """Ask until a page has a status."""
    while (answer := await client.get(path)).status_code != status:
        await asyncio.sleep(0.1)
    return answer
