"""Garbage after workers were killed: what a committed result names is there, and what nothing names goes."""

import asyncio
import hashlib
import os
import random
import time
from collections import Counter
from pathlib import Path

import pytest

from schemas import Policy, PolicyEvent
from scripts.commands import stores as command
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import PlannedInput
from tests.chaos.sounds import sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.e2e.test_policies import publish
from tests.support.brokers import Broker, Namespace

SOUNDS = [sample(1.0, "audio/L16", seed=number) for number in range(50)]
CALLS = 20
TWO_DAYS = 2 * 86_400


async def survive(kills: int, broker: Broker, namespace: Namespace, directory: Path) -> int:
    """Kill both workers again and again, with another policy each time; returns how much garbage was removed.

    Inputs in flight are processed again by the new policy: what was stored for them before belongs to no result.
    """
    servers = broker.bootstrap_servers
    await apply_topics(KafkaConnection(servers), namespace.prefix, namespace.group)
    root = directory / "stores"
    settings = {"AUDIO_STORES": f"file://{root}", "AUDIO_INLINE_LIMIT": "100B"}
    workers = [
        Worker(servers, namespace.prefix, namespace.group, directory / f"worker-{number}", **settings)
        for number in range(2)
    ]
    oracle = DeliveryOracle(servers, namespace.prefix, namespace.group)
    chance = random.Random(kills)
    sent = 0
    with running(*workers):
        for kill in range(kills):
            sending = asyncio.create_task(oracle.send(inputs(sent), per_second=100))
            sent += len(SOUNDS)
            await asyncio.sleep(chance.uniform(0.1, 0.5))
            for worker in workers:
                await asyncio.to_thread(worker.kill)
            policy = Policy(kill + 1, ceiling_level=2) if kill % 2 else Policy(kill + 1, floor_level=4)
            await publish(broker, namespace, PolicyEvent("lisbon", policy).to_record())
            for worker in workers:
                worker.start()
            await sending
            await oracle.collect(within=120)
        await oracle.collect(within=120)
    assert len(oracle.results) == sent, "\n".join(worker.tail() for worker in workers)
    inputs_of = Counter((one.header("ce_sourcepartition"), one.header("ce_sourceoffset")) for one in oracle.results)
    assert set(inputs_of.values()) == {1}
    # While a store is not known to work, as right after a start, a live result does not wait for it.
    named = {one.header("ce_sha256") or "" for one in oracle.results if one.header("ce_dataref") is not None}
    assert named
    before = stored(root)
    assert before >= named
    grow_old(root)
    where = ("--bootstrap-servers", servers, "--topic-prefix", namespace.prefix, "--group", namespace.group)
    assert await asyncio.to_thread(command.main, ["gc", *where]) == 0
    assert stored(root) == named
    return len(before - named)


def stored(root: Path) -> set[str]:
    """The digests of the content that is there; each lies under its own."""
    files = [path for path in root.rglob("sha256/*/*") if path.is_file()]
    digests = {hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    assert digests == {path.name for path in files}
    return digests


def grow_old(root: Path) -> None:
    """Let two days pass for all that is stored."""
    written = time.time() - TWO_DAYS
    for path in root.rglob("sha256/*/*"):
        os.utime(path, (written, written))


def inputs(number: int) -> list[PlannedInput]:
    """Segments of calls that have not ended."""
    return [
        segment(sound, f"call-{(number + place) % CALLS}", (number + place) // CALLS, number=number + place)
        for place, sound in enumerate(SOUNDS)
    ]


@pytest.mark.timeout(300)
async def test_after_two_kills_all_is_there_that_results_name_and_nothing_else(
    broker: Broker, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_STORES", f"file://{tmp_path}/stores")
    await survive(2, broker, namespace, tmp_path)


@pytest.mark.long
@pytest.mark.timeout(3600)
async def test_after_fifty_kills_all_is_there_that_results_name_and_nothing_else(
    broker: Broker, namespace: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUDIO_STORES", f"file://{tmp_path}/stores")
    assert await survive(50, broker, namespace, tmp_path) > 0
