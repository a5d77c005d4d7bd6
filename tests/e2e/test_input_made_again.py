"""``audio.raw`` is deleted and created again while workers run: inputs sent afterwards have one outcome each."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from schemas.topics import COMPRESSED, RAW
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import connected_admin, describe
from streams.kafka.topic_errors import TopicError
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.pool import WorkerPool
from tests.chaos.reading import read
from tests.chaos.records import PlannedInput
from tests.chaos.workers import Worker
from tests.chaos.workload import calls
from tests.e2e.test_health import SETTINGS
from tests.e2e.test_worker import exact
from tests.support.brokers import Broker, Namespace

ANSWERED_WITHIN_S = 60.0


@pytest.fixture
async def pool(broker: Broker, namespace: Namespace, tmp_path: Path, topics: None) -> AsyncIterator[WorkerPool]:
    """Two workers, each restarted whenever it ends."""
    pool = WorkerPool(
        {
            number: Worker(
                broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path / str(number), **SETTINGS
            )
            for number in range(2)
        }
    )
    supervising = asyncio.create_task(pool.supervise())
    for number in pool.workers:
        pool.start(number)
    try:
        assert await pool.all_ready(60) == []
        yield pool
    finally:
        supervising.cancel()
        pool.kill_all()


async def delete(broker: Broker, topic: str) -> None:
    async with connected_admin(KafkaConnection(broker.bootstrap_servers)) as admin:
        await admin.delete_topics([topic])
        while await describe(admin, [topic]):
            await asyncio.sleep(0.05)


async def make_again(broker: Broker, namespace: Namespace) -> None:
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(TopicError):  # the topic is still being deleted
                await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
                return
            await asyncio.sleep(0.1)


async def answers(broker: Broker, namespace: Namespace, inputs: Sequence[PlannedInput]) -> Counter[str]:
    """The number of results of each of these inputs, by its id."""
    ids = {f"{one.call_id}-{one.sequence}" for one in inputs}
    found = await read(broker.bootstrap_servers, [f"{namespace.prefix}{COMPRESSED}"], committed=True)
    return Counter(cause for one in found.records if (cause := one.header("ce_causationid")) in ids)


@pytest.mark.parametrize("pause", [0.0, 6.0])
async def test_what_is_sent_to_the_new_topic_is_answered_once(
    pool: WorkerPool, oracle: DeliveryOracle, broker: Broker, namespace: Namespace, pause: float
) -> None:
    await oracle.send(calls(80, seed=51, bad_share=0))
    await exact(oracle, last=False)
    await delete(broker, f"{namespace.prefix}{RAW}")
    await asyncio.sleep(pause)
    await make_again(broker, namespace)
    inputs = calls(400, seed=51, name=1, bad_share=0)  # many more than the old topic had
    again = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
    await again.send(inputs)
    expected = Counter(f"{one.call_id}-{one.sequence}" for one in inputs)
    async with asyncio.timeout(ANSWERED_WITHIN_S):
        while (found := await answers(broker, namespace, inputs)) != expected:
            assert not found - expected
            await asyncio.sleep(1)
    assert await pool.all_ready(30) == []
    lines = [line for worker in pool.workers.values() for line in worker.lines()]
    ended = [line["reason"] for line in lines if line["event"] == "worker_failed"]
    assert ended
    # A worker that asks for the log's end first, finds that of the new topic before what it has read.
    assert [reason for reason in ended if "was deleted" not in reason and "its log ends" not in reason] == []
