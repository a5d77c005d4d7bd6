"""Workers are killed while calls are processed: each input has one outcome, in order, and each file can be decoded."""

import asyncio
import random
from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.support.brokers import Broker, Namespace, ThreeBrokers

RECORDS = 1500
KILLS = 3


async def survive_kills(servers: str, namespace: Namespace, directory: Path) -> None:
    await apply_topics(KafkaConnection(servers), namespace.prefix, namespace.group)
    workers = [Worker(servers, namespace.prefix, namespace.group, directory / f"worker-{n}") for n in range(2)]
    oracle = DeliveryOracle(servers, namespace.prefix, namespace.group)
    chance = random.Random(7)
    with running(*workers):
        sending = asyncio.create_task(oracle.send(calls(RECORDS), per_second=120))
        for kill in range(KILLS):
            await asyncio.sleep(chance.uniform(2, 4))
            victim = workers[kill % len(workers)]
            await asyncio.to_thread(victim.kill)
            await asyncio.sleep(chance.uniform(0, 1))
            victim.start()
        await sending
        await oracle.collect(within=120)
        codes = [await asyncio.to_thread(worker.stop) for worker in workers]
    problems = oracle.problems()
    assert problems == [], "\n".join([*map(str, problems[:20]), *(worker.tail() for worker in workers)])
    assert len(oracle.results) + len(oracle.dead_letters) == RECORDS
    assert len(oracle.dead_letters) > RECORDS * 0.03
    assert codes == [0, 0]


@pytest.mark.timeout(300)
async def test_kills_on_one_broker(broker: Broker, namespace: Namespace, tmp_path: Path) -> None:
    await survive_kills(broker.bootstrap_servers, namespace, tmp_path)


@pytest.mark.timeout(300)
async def test_kills_on_three_brokers(three_brokers: ThreeBrokers, namespace: Namespace, tmp_path: Path) -> None:
    await survive_kills(three_brokers.bootstrap_servers, namespace, tmp_path)
