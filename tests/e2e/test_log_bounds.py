"""Committed offsets that a partition's log does not have: beyond its end, or before its start."""

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import OffsetAndMetadata

from schemas.topics import RAW, topic
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.support.brokers import Broker, Namespace

FAR, NEAR = 5000, 60
#: Seconds, more than the time after which the group removes members that are gone.
SESSION = 10.0
BY_A_WORKER = "3-0123456789abcdef0123456789abcdef"


class Group:
    """The workers' consumer group while no worker runs, and its input topic."""

    def __init__(self, broker: Broker, namespace: Namespace) -> None:
        self._servers = broker.bootstrap_servers
        self._group = namespace.group
        name = f"{namespace.prefix}{RAW}"
        self.partitions = [TopicPartition(name, number) for number in range(topic(RAW).partitions)]

    async def commit(self, offset: int, note: str) -> None:
        async with AIOKafkaConsumer(
            bootstrap_servers=self._servers, group_id=self._group, enable_auto_commit=False
        ) as consumer:
            consumer.assign(self.partitions)
            await consumer.commit(dict.fromkeys(self.partitions, OffsetAndMetadata(offset, note)))

    async def delete_all_records(self) -> int:
        """Delete all records of the input, as if they had expired; return the number of deleted offsets."""
        async with AIOKafkaConsumer(bootstrap_servers=self._servers) as consumer:
            ends: dict[TopicPartition, int] = await consumer.end_offsets(self.partitions)
        admin = AIOKafkaAdminClient(bootstrap_servers=self._servers)
        await admin.start()
        await admin.delete_records({partition: RecordsToDelete(end) for partition, end in ends.items()})
        await admin.close()
        return sum(ends.values())


@pytest.fixture
def group(broker: Broker, namespace: Namespace, topics: None) -> Group:
    return Group(broker, namespace)


def counted(worker: Worker, metric: str) -> float:
    lines = worker.get("/metrics")[1].splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(metric))


async def exact(oracle: DeliveryOracle) -> None:
    await oracle.collect(within=60)
    assert oracle.problems() == []


async def test_an_offset_of_another_log_beyond_the_end_leaves_nothing_out(
    worker: Worker, oracle: DeliveryOracle, group: Group
) -> None:
    await group.commit(FAR, "copied from another cluster")
    await oracle.send(calls(100, seed=4))
    with running(worker):
        await exact(oracle)
        assert counted(worker, "audio_partitions_begun_again_total") == len(group.partitions)
    told = [line for line in worker.lines() if line.get("event") == "offset_beyond_log"]
    assert {line["committed"] for line in told} == {FAR}


async def test_a_log_that_has_lost_what_was_answered_ends_workers_until_somebody_has_decided(
    worker: Worker, oracle: DeliveryOracle, group: Group
) -> None:
    await group.commit(NEAR, BY_A_WORKER)
    for seed in (4, 5):  # in the second round, the log has grown beyond the offset
        await oracle.send(calls(NEAR * seed, seed=seed))
        worker.start()
        assert await asyncio.to_thread(worker.process.wait, 60) == 1
        assert "records are answered beyond the end of their log" in worker.tail()
    await asyncio.sleep(SESSION)
    await group.commit(0, "")
    with running(worker):
        await exact(oracle)


async def test_unread_input_that_has_expired_is_told_and_what_comes_next_is_answered(
    worker: Worker, oracle: DeliveryOracle, group: Group, broker: Broker, namespace: Namespace
) -> None:
    await group.commit(0, BY_A_WORKER)
    gone = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
    await gone.send(calls(60, seed=5))
    expired = await group.delete_all_records()
    await oracle.send(calls(60, seed=6))
    with running(worker):
        await exact(oracle)
        assert counted(worker, "audio_expired_records_total") == expired > 0
    told = [line for line in worker.lines() if line.get("event") == "inputs_expired"]
    assert sum(line["to_offset"] - line["from_offset"] for line in told) == expired
