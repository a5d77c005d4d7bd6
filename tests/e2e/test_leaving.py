"""Workers that are removed for good leave their group; those that will be started again remain members."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.e2e.test_health import PARTITIONS, SETTINGS, series, until
from tests.e2e.test_worker import exact
from tests.support.brokers import Broker, Namespace
from tests.support.numbered_workers import numbered_workers


@pytest.fixture
def replicas(tmp_path: Path) -> Path:
    """The file in which the workers read how many of them are wanted."""
    return tmp_path / "replicas"


@pytest.fixture
def workers(
    broker: Broker, namespace: Namespace, tmp_path: Path, replicas: Path, topics: None
) -> Iterator[list[Worker]]:
    """Two workers, not yet started, that know their ordinals; they are killed when the test ends."""
    with numbered_workers(broker, namespace, tmp_path, replicas, 2, **SETTINGS) as found:
        yield found


async def members(broker: Broker, namespace: Namespace) -> int:
    """Members of the workers' group, by its coordinator."""
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups([namespace.group])
        return len(answer.groups[0][5])
    finally:
        await admin.close()


def owned(worker: Worker) -> int:
    return sum(map(int, series(worker, "audio_partition_assigned").values()))


def events(worker: Worker) -> list[str]:
    return [line["event"] for line in worker.lines()]


async def test_a_surplus_worker_leaves_its_group_at_once_and_can_come_back(
    workers: list[Worker], replicas: Path, oracle: DeliveryOracle, broker: Broker, namespace: Namespace
) -> None:
    first, second = workers
    with running(*workers):
        await until(lambda: owned(first) == owned(second) == PARTITIONS / 2, 60)
        sending = asyncio.create_task(oracle.send(calls(300, seed=51, bad_share=0), per_second=25))
        await asyncio.sleep(3)
        replicas.write_text("1\n")
        assert await asyncio.to_thread(second.stop) == 0
        assert await members(broker, namespace) == 1
        await until(lambda: owned(first) == PARTITIONS, 60)
        await sending
        replicas.write_text("2\n")
        second.start()
        await asyncio.to_thread(second.wait_ready)
        await until(lambda: owned(first) == owned(second) == PARTITIONS / 2, 60)
        await oracle.send(calls(100, seed=51, name=1, bad_share=0))
        await exact(oracle)
    assert "group_left" in events(second)


async def test_a_worker_that_will_be_started_again_remains_a_member(
    workers: list[Worker], replicas: Path, oracle: DeliveryOracle, broker: Broker, namespace: Namespace
) -> None:
    first, second = workers
    replicas.write_text("2\n")
    with running(*workers):
        await until(lambda: owned(first) == owned(second) == PARTITIONS / 2, 60)
        assert await asyncio.to_thread(second.stop) == 0
        assert await members(broker, namespace) == 2
        second.start()
        await oracle.send(calls(100, seed=52, bad_share=0))
        await exact(oracle)
        replicas.unlink()  # the number cannot be read: it will be started again, as far as it knows
        assert await asyncio.to_thread(second.stop) == 0
        assert await members(broker, namespace) == 2
    assert "group_left" not in events(second)
    assert [line["level"] for line in second.lines() if line["event"] == "replicas_unknown"] == ["warning"]
