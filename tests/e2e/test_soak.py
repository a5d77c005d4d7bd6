"""Ten minutes of mixed calls: nothing is lost, and memory does not grow."""

import asyncio
import statistics
from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.support.brokers import Broker, Namespace

PER_SECOND = 50
MINUTES = 10
WARM_UP_MINUTES = 3
GROWTH = 1.05


@pytest.mark.long
@pytest.mark.timeout((MINUTES + 15) * 60)  # the oracle decodes every file
async def test_ten_minutes_show_no_growth(broker: Broker, namespace: Namespace, tmp_path: Path) -> None:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    worker = Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path)
    oracle = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
    minutes: list[float] = []
    with running(worker):
        for minute in range(MINUTES):
            batch = calls(PER_SECOND * 60, seed=minute, name=minute)
            sending = asyncio.create_task(oracle.send(batch, per_second=PER_SECOND))
            sizes = []
            while not sending.done():
                sizes.append(worker.resident_bytes())
                await asyncio.sleep(1)
            await sending
            minutes.append(statistics.median(sizes) / 2**20)
            print(f"minute {minute + 1}: {minutes[-1]:.0f} MiB resident")
        await oracle.collect(within=120)
        assert await asyncio.to_thread(worker.stop) == 0
    assert oracle.problems() == []
    assert statistics.mean(minutes[-2:]) < GROWTH * minutes[WARM_UP_MINUTES - 1], minutes
