"""Whole workers archive what a policy marks: once each, over kills and changes of the policy, and nothing else."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from schemas import Policy, PolicyEvent
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import PlannedInput
from tests.chaos.sounds import sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.e2e.test_policies import publish, wait_for
from tests.e2e.test_worker import exact, metric
from tests.support.brokers import Broker, Namespace

SEGMENTS = 5
SOUND = sample(1.0, "audio/L16", seed=1)


def calls(first: int, last: int, hotel: str) -> list[PlannedInput]:
    """Calls that have not ended; their segments one after the other."""
    return [
        segment(SOUND, f"{hotel}-{call}", sequence, number=call, hotel=hotel)
        for sequence in range(SEGMENTS)
        for call in range(first, last)
    ]


def entries(root: Path) -> list[dict[str, Any]]:
    found = root.rglob("archive/**/*-*.json")
    return [json.loads(path.read_text()) for path in found]


def marked(oracle: DeliveryOracle) -> set[tuple[int, int]]:
    """Partition and offset of the committed results that are to be archived."""
    return {(one.partition, one.offset) for one in oracle.results if one.header("ce_archive") == "true"}


async def archived(root: Path, oracle: DeliveryOracle) -> list[dict[str, Any]]:
    """Wait until every marked result has an entry; returns all entries."""
    async with asyncio.timeout(90):
        while {(one["partition"], one["offset"]) for one in entries(root)} < marked(oracle):
            await asyncio.sleep(0.5)
    return entries(root)


@pytest.mark.timeout(300)
async def test_each_marked_result_is_archived_once_over_a_kill_and_changes_of_the_policy(
    broker: Broker, namespace: Namespace, tmp_path: Path
) -> None:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    root = tmp_path / "stores"
    workers = [
        Worker(
            broker.bootstrap_servers,
            namespace.prefix,
            namespace.group,
            tmp_path / f"worker-{number}",
            AUDIO_STORES=f"file://{root}",
        )
        for number in range(2)
    ]
    oracle = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
    await publish(broker, namespace, PolicyEvent("seaside", Policy(1, archive=True)).to_record())
    with running(*workers):
        sending = asyncio.create_task(oracle.send(calls(0, 16, "seaside"), per_second=40))
        await asyncio.to_thread(workers[0].kill)
        workers[0].start()
        await oracle.send(calls(0, 4, "alpine"))
        await sending
        await exact(oracle)
        found = await archived(root, oracle)
        assert {one["hotel"] for one in found} == {"seaside"}
        assert Counter((one["partition"], one["offset"]) for one in found).most_common(1)[0][1] == 1
        assert {(one["partition"], one["offset"]) for one in found} == marked(oracle)
        assert len(marked(oracle)) == 16 * SEGMENTS

        await publish(broker, namespace, PolicyEvent("seaside", Policy(2)).to_record())
        for worker in workers:
            await asyncio.to_thread(worker.wait_ready)
            await policy_version(worker, 2)
        await oracle.send(calls(20, 24, "seaside"))
        await publish(broker, namespace, PolicyEvent("alpine", Policy(1, archive=True)).to_record())
        for worker in workers:
            await wait_for(worker, "audio_policies", 2)
        await oracle.send(calls(10, 14, "alpine"))
        await exact(oracle)
        await archived(root, oracle)
        assert sum(metric(worker, "audio_archive_failures_total") for worker in workers) == 0
    calls_found = {one["call"] for one in entries(root)}
    assert calls_found == {f"seaside-{n}" for n in range(16)} | {f"alpine-{n}" for n in range(10, 14)}


async def policy_version(worker: Worker, version: int) -> None:
    async with asyncio.timeout(30):
        while json.loads(worker.get("/policies?hotel=seaside")[1]).get("version") != version:
            await asyncio.sleep(0.1)
