"""Ten minutes of mixed calls: nothing is lost, and memory does not grow."""

import asyncio
import statistics
from pathlib import Path

import pytest

from streams.topics import apply_topics
from tests.support.brokers import Broker, Namespace
from tests.support.ledger import Ledger
from tests.support.workers import Worker, running
from tests.support.workload import calls

PER_SECOND = 50
MINUTES = 10
WARM_UP_MINUTES = 3
GROWTH = 1.05


@pytest.mark.long
@pytest.mark.timeout((MINUTES + 15) * 60)  # the ledger opens every file
async def test_ten_minutes_show_no_growth(broker: Broker, namespace: Namespace, tmp_path: Path) -> None:
    await apply_topics(broker.bootstrap_servers, namespace.prefix, namespace.group)
    worker = Worker(broker.bootstrap_servers, namespace, tmp_path)
    ledger = Ledger(broker.bootstrap_servers, namespace.prefix)
    minutes: list[float] = []
    with running(worker):
        for minute in range(MINUTES):
            batch = list(calls(PER_SECOND * 60, seed=minute))
            sending = asyncio.create_task(ledger.send(batch, per_second=PER_SECOND))
            sizes = []
            while not sending.done():
                sizes.append(worker.resident_bytes())
                await asyncio.sleep(1)
            await sending
            minutes.append(statistics.median(sizes) / 2**20)
            print(f"minute {minute + 1}: {minutes[-1]:.0f} MiB resident")
        await ledger.collect(within=120)
        assert await asyncio.to_thread(worker.stop) == 0
    assert ledger.verdict().faults == []
    assert statistics.mean(minutes[-2:]) < GROWTH * minutes[WARM_UP_MINUTES - 1], minutes
