"""More workers than partitions: the spare ones are ready, keep replicas, and take over."""

import asyncio
from pathlib import Path

import pytest

from scripts.benchmarks.streaming.partitioning import partitioned
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import PRODUCT, Worker, running
from tests.chaos.workload import calls
from tests.e2e.test_health import SETTINGS, readiness, series, until
from tests.e2e.test_worker import exact, metric
from tests.support.brokers import Broker, Namespace

PARTITIONS = 2
STALL = "6s"
#: Longer than the watchdog waits for progress.
LONGER_THAN_A_STALL_S = 15


@pytest.fixture
def pool(broker: Broker, namespace: Namespace, tmp_path: Path) -> list[Worker]:
    """Three workers on topics of two partitions, none started yet."""
    with partitioned(PARTITIONS):
        asyncio.run(apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group))
    return [
        Worker(
            broker.bootstrap_servers,
            namespace.prefix,
            namespace.group,
            tmp_path / f"worker-{number}",
            module="scripts.benchmarks.streaming.partitioning",
            arguments=(str(PARTITIONS), PRODUCT),
            AUDIO_STALL_TIMEOUT=STALL,
            **SETTINGS,
        )
        for number in range(3)
    ]


def owned(worker: Worker) -> float:
    return sum(series(worker, "audio_partition_assigned").values())


async def test_a_spare_worker_is_ready_stays_and_takes_over(
    pool: list[Worker], broker: Broker, namespace: Namespace
) -> None:
    oracle = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group, PARTITIONS)
    with running(*pool):
        await until(lambda: sorted(map(owned, pool)) == [0, 1, 1], 20)
        spare = next(worker for worker in pool if not owned(worker))
        await oracle.send(calls(30, seed=31, bad_share=0))
        await exact(oracle, last=False)
        await asyncio.sleep(LONGER_THAN_A_STALL_S)
        assert all(worker.alive and readiness(worker)["ready"] for worker in pool)
        next(worker for worker in pool if owned(worker)).kill()
        await oracle.send(calls(30, seed=31, name=1, bad_share=0))
        await exact(oracle)
        assert owned(spare) == 1
        assert metric(spare, "audio_records_in_total") > 0
