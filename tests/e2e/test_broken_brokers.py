"""Brokers die and freeze while calls are processed."""

import asyncio
import signal
from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.support.brokers import Namespace, ThreeBrokers


@pytest.fixture
async def oracle(three_brokers: ThreeBrokers, namespace: Namespace) -> DeliveryOracle:
    await apply_topics(KafkaConnection(three_brokers.bootstrap_servers), namespace.prefix, namespace.group)
    return DeliveryOracle(three_brokers.bootstrap_servers, namespace.prefix, namespace.group)


async def test_a_broker_that_is_killed_and_comes_back_loses_nothing(
    three_brokers: ThreeBrokers, namespace: Namespace, oracle: DeliveryOracle, tmp_path: Path
) -> None:
    worker = Worker(three_brokers.bootstrap_servers, namespace.prefix, namespace.group, tmp_path)
    with running(worker):
        sending = asyncio.create_task(oracle.send(calls(1200, seed=11), per_second=80))
        for node in (1, 2):
            await asyncio.sleep(3)
            three_brokers.cluster.kill(node)
            await asyncio.sleep(1)
            await asyncio.to_thread(three_brokers.cluster.restart, node)
        await sending
        await oracle.collect(within=90)
        assert oracle.problems() == []
        assert await asyncio.to_thread(worker.stop) == 0


async def test_a_worker_starts_while_one_of_three_brokers_is_away(
    three_brokers: ThreeBrokers, namespace: Namespace, oracle: DeliveryOracle, tmp_path: Path
) -> None:
    workers = [
        Worker(three_brokers.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / str(number))
        for number in range(2)
    ]
    three_brokers.cluster.kill(3)
    try:
        with running(*workers):
            await oracle.send(calls(200, seed=13))
            await oracle.collect(within=60)
            assert oracle.problems() == []
    finally:
        await asyncio.to_thread(three_brokers.cluster.restart, 3)


async def test_a_worker_without_brokers_ends_and_its_successor_goes_on(
    three_brokers: ThreeBrokers, namespace: Namespace, oracle: DeliveryOracle, tmp_path: Path
) -> None:
    worker = Worker(
        three_brokers.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, AUDIO_STALL_TIMEOUT="8s"
    )
    with running(worker):
        sending = asyncio.create_task(oracle.send(calls(800, seed=12), per_second=100))
        await asyncio.sleep(3)
        try:
            for node in three_brokers.cluster.nodes:
                three_brokers.cluster.kill(node, signal.SIGSTOP)
            assert await asyncio.to_thread(worker.process.wait, 40) == 1
            assert worker.lines()[-1]["event"] == "worker_failed"
        finally:
            for node in three_brokers.cluster.nodes:
                three_brokers.cluster.kill(node, signal.SIGCONT)
        worker.start()
        await asyncio.to_thread(worker.wait_ready)
        await sending
        await oracle.collect(within=90)
        assert oracle.problems() == []
