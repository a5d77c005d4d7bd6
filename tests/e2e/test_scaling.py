"""Sixty partitions at 20 records a second, while workers come, go, die and are removed for good: all is exact."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker
from tests.chaos.workload import calls, single
from tests.e2e.test_health import series, until
from tests.e2e.test_worker import exact
from tests.support.brokers import Broker, Namespace
from tests.support.numbered_workers import numbered_workers

PARTITIONS, PER_SECOND, SECONDS = 60, 20, 20


class Replicas:
    """Workers by their ordinals, of which the first ones run.

    Args:
        workers: All of them, none started.
        file: Where they read how many are wanted.
    """

    def __init__(self, workers: list[Worker], file: Path) -> None:
        self.workers = workers
        self._file = file
        self._running = 0

    async def scale(self, wanted: int) -> None:
        """Start workers, or stop surplus ones, and wait until those that run own all partitions."""
        self._file.write_text(str(wanted))
        for worker in self.workers[self._running : wanted]:
            worker.start()
        for worker in self.workers[wanted : self._running]:
            assert await asyncio.to_thread(worker.stop) == 0
        self._running = wanted
        await self.divided()

    async def kill_one(self) -> None:
        """Kill a worker, and start it again at once."""
        worker = self.workers[self._running - 1]
        worker.kill()
        worker.start()
        await asyncio.to_thread(worker.wait_ready)

    async def divided(self) -> None:
        """Wait until every partition has one owner, and each worker about as many."""

        def owned() -> list[int]:
            shares = (series(one, "audio_partition_assigned") for one in self.workers[: self._running])
            return [sum(map(int, share.values())) for share in shares]

        most = -(-PARTITIONS // self._running)
        await until(lambda: sum(found := owned()) == PARTITIONS and max(found) <= most, 120)


@pytest.fixture
def replicas(broker: Broker, namespace: Namespace, tmp_path: Path) -> Iterator[Replicas]:
    """Twelve workers, none started; they are killed when the test ends."""
    file = tmp_path / "replicas"
    with numbered_workers(broker, namespace, tmp_path, file, 12) as workers:
        yield Replicas(workers, file)


@pytest.mark.long
@pytest.mark.timeout(1200)
async def test_sixty_partitions_are_served_exactly_while_workers_come_and_go(
    replicas: Replicas, broker: Broker, namespace: Namespace
) -> None:
    await apply_topics(
        KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group, partitions=PARTITIONS
    )
    oracle = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group, PARTITIONS)
    steps: list[tuple[str, Callable[[], Awaitable[None]]]] = [
        ("6 to 12 workers", lambda: replicas.scale(12)),
        ("kill -9 and restart", replicas.kill_one),
        ("12 to 9 workers", lambda: replicas.scale(9)),
        ("9 to 3 workers", lambda: replicas.scale(3)),
        ("3 to 6 workers", lambda: replicas.scale(6)),
    ]
    await replicas.scale(6)
    for number, (name, step) in enumerate(steps):
        begun = time.time()
        count = PER_SECOND * SECONDS // 2
        sending = asyncio.gather(
            oracle.send(single(count, random.Random(number)), per_second=PER_SECOND / 2),
            oracle.send(calls(count, seed=61, name=number), per_second=PER_SECOND / 2),
        )
        await asyncio.sleep(SECONDS / 4)
        await step()
        await sending
        await exact(oracle, 120, last=False)
        print(f"{name}: longest wait {oracle.longest_wait(begun):.1f} s")
    await exact(oracle)
    assert {one.partition for one in oracle.results} == set(range(PARTITIONS))
    for ordinal, worker in enumerate(replicas.workers):
        left = sum(line["event"] == "group_left" for line in worker.lines())
        assert left == (ordinal >= 3), ordinal
