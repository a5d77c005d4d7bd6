"""Every 202 ends in exactly one outcome, whoever is killed."""

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest

from infra.kafka.cluster import LocalCluster
from schemas import CompressedAudio, DeadLetter
from schemas.topics import COMPRESSED, DEAD_LETTER
from streams.api.index.identity import id_of_input, recording_id
from streams.clients.messages import record_of
from streams.clients.topic_reader import TopicReader
from tests.chaos.workers import Worker
from tests.support.api_process import ApiProcess
from tests.support.brokers import Broker, Namespace


async def check(broker: Broker, namespace: Namespace, tmp_path: Path, rounds: int, each: int) -> None:
    """Send while the API and the worker are killed again and again, then compare what was accepted with the topics."""
    api = ApiProcess(broker.bootstrap_servers, namespace, tmp_path)
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "worker")
    accepted: set[str] = set()
    worker.start()
    try:
        for number in range(rounds):
            api.start()
            await asyncio.to_thread(api.wait_until_ready)
            enough = asyncio.Event()
            killing = asyncio.create_task(killed(api, worker, enough))
            accepted |= await sent(api, f"round-{number}", each, enough)
            await killing
        api.start()
        await asyncio.to_thread(api.wait_until_ready)
        for one in accepted:
            await asyncio.to_thread(api.wait_for, one, "done", "dead", within=120.0)
    finally:
        await asyncio.to_thread(api.stop)
        worker.stop()
    counts = await outcomes(broker.bootstrap_servers, namespace)
    assert accepted
    assert {one: counts[one] for one in accepted} == dict.fromkeys(accepted, 1)


async def killed(api: ApiProcess, worker: Worker, enough: asyncio.Event) -> None:
    """Kill both, the API in the middle of requests; the worker comes back."""
    await enough.wait()
    await asyncio.to_thread(api.kill)
    worker.kill()
    worker.start()


async def sent(api: ApiProcess, name: str, count: int, enough: asyncio.Event) -> set[str]:
    """Ids of what was accepted, of which audio that cannot be decoded is a part; says when it is a tenth."""
    numbers: set[str] = set()

    async def send(number: int) -> None:
        kind = "audio/flac" if number % 5 == 0 else "audio/PCMU"
        headers = {"content-type": kind, "Idempotency-Key": f"{name}-{number}"}
        parameters = {"hotel": "lisbon", "call": f"{name}-{number % 7}", "sequence": str(number)}
        try:
            content = number.to_bytes(4) * 400
            answer = await client.post("/v1/recordings", params=parameters, content=content, headers=headers)
        except httpx.TransportError:
            return
        if answer.status_code == 202:
            numbers.add(answer.json()["id"])
        if len(numbers) >= count // 10:
            enough.set()

    async with httpx.AsyncClient(base_url=api.url, timeout=60, limits=httpx.Limits(max_connections=20)) as client:
        await asyncio.gather(*(send(number) for number in range(count)))
    return numbers


async def outcomes(bootstrap_servers: str, namespace: Namespace) -> Counter[str]:
    """How many results and dead letters each recording has, read from the topics alone."""
    counts: Counter[str] = Counter()
    for topic in (COMPRESSED, DEAD_LETTER):
        async with TopicReader(bootstrap_servers, f"{namespace.prefix}{topic}") as reader:
            begins, ends = await reader.bounds()
            async for message in reader.between(begins, ends):
                record = record_of(message)
                found = CompressedAudio.from_record(record) if topic == COMPRESSED else DeadLetter.from_record(record)
                if isinstance(found, CompressedAudio):
                    counts[recording_id(found.causation_source or "", found.causation_id)] += 1
                elif isinstance(found, DeadLetter):
                    counts[id_of_input(found.original, found.position)] += 1
    return counts


async def test_what_is_accepted_has_one_outcome_although_api_and_worker_are_killed(
    broker: Broker, namespace: Namespace, topics: None, tmp_path: Path
) -> None:
    await check(broker, namespace, tmp_path, rounds=1, each=200)


@pytest.mark.long
async def test_what_is_accepted_has_one_outcome_after_many_kills(
    broker: Broker, namespace: Namespace, topics: None, tmp_path: Path
) -> None:
    await check(broker, namespace, tmp_path, rounds=10, each=400)


async def test_what_is_accepted_has_one_outcome_although_the_broker_is_killed(
    mortal: LocalCluster, namespace: Namespace, tmp_path: Path
) -> None:
    api = ApiProcess(mortal.bootstrap_servers, namespace, tmp_path)
    worker = Worker(mortal.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / "worker")
    worker.start()
    api.start()
    try:
        await asyncio.to_thread(api.wait_until_ready)
        enough = asyncio.Event()
        breaking = asyncio.create_task(broken(mortal, enough))
        accepted = await sent(api, "before", 200, enough)
        await breaking
        await asyncio.to_thread(api.wait_until_ready)
        accepted |= await sent(api, "after", 20, enough)
        if not worker.alive:  # it may have lost its session, and an orchestrator starts it again
            worker.start()
        for one in accepted:
            await asyncio.to_thread(api.wait_for, one, "done", "dead", within=120.0)
        counts = await outcomes(mortal.bootstrap_servers, namespace)
    finally:
        await asyncio.to_thread(api.stop)
        worker.stop()
    assert len(accepted) >= 40
    assert {one: counts[one] for one in accepted} == dict.fromkeys(accepted, 1)


async def broken(cluster: LocalCluster, enough: asyncio.Event) -> None:
    """Kill the only broker in the middle of requests; it comes back."""
    await enough.wait()
    await asyncio.to_thread(cluster.kill, 1)
    await asyncio.to_thread(cluster.restart, 1)
