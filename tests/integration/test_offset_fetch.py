"""Committed offsets from a broker that is not, or not yet, the group's coordinator."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.errors import GroupLoadInProgressError, NotCoordinatorForGroupError, UnknownError

from schemas.topics import RAW
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.offset_fetch import (
    OffsetFetchResponse,
    UnstableOffsetCommitError,
    committed_offsets,
)
from streams.kafka.topics import apply_topics
from tests.support.brokers import Namespace, ThreeBrokers

OFFSET = 7


@pytest.fixture
async def consumer(three_brokers: ThreeBrokers, namespace: Namespace) -> AsyncIterator[AIOKafkaConsumer]:
    await apply_topics(KafkaConnection(three_brokers.bootstrap_servers), namespace.prefix, namespace.group)
    connection = KafkaConnection(three_brokers.bootstrap_servers)
    consumer = connection.consumer(group_id=namespace.group, enable_auto_commit=False)
    await consumer.start()
    partition = TopicPartition(f"{namespace.prefix}{RAW}", 0)
    consumer.assign([partition])
    await consumer.commit({partition: OFFSET})
    yield consumer
    await consumer.stop()


def mislead(consumer: AIOKafkaConsumer) -> int:
    """Make it ask a broker that is not its group's coordinator, as after a move that it does not know of."""
    coordinator = consumer._coordinator  # noqa: SLF001  nothing public leads there
    right: int = coordinator.coordinator_id
    coordinator.coordinator_id = next(broker for broker in (1, 2, 3) if broker != right)
    return right


async def test_a_broker_that_is_not_the_coordinator_is_not_believed(consumer: AIOKafkaConsumer) -> None:
    [partition] = consumer.assignment()
    right = mislead(consumer)
    assert await consumer.committed(partition) == OFFSET
    assert consumer._coordinator.coordinator_id == right  # noqa: SLF001  as above


async def test_the_consumers_of_others_in_the_process_stay_as_aiokafka_makes_them(
    consumer: AIOKafkaConsumer, three_brokers: ThreeBrokers, namespace: Namespace
) -> None:
    [partition] = consumer.assignment()
    async with AIOKafkaConsumer(
        bootstrap_servers=three_brokers.bootstrap_servers, group_id=namespace.group, enable_auto_commit=False
    ) as other:
        other.assign([partition])
        assert type(other._fetcher) is Fetcher  # noqa: SLF001  nothing public tells
        assert type(other._coordinator) is GroupCoordinator  # noqa: SLF001  as above
        assert await other.committed(partition) == OFFSET
        mislead(other)
        assert await other.committed(partition) is None  # its own mistake, which ours does not make
    assert await consumer.committed(partition) == OFFSET


async def test_a_partition_without_a_commit_has_no_offset(consumer: AIOKafkaConsumer) -> None:
    [partition] = consumer.assignment()
    assert await consumer.committed(partition) == OFFSET
    consumer.assign([TopicPartition(partition.topic, 1)])
    assert await consumer.committed(TopicPartition(partition.topic, 1)) is None


def answer(error: int = 0, partition_error: int = 0) -> OffsetFetchResponse:
    no_tags: dict[int, bytes] = {}
    partition = (0, OFFSET, -1, "", partition_error, no_tags)
    return OffsetFetchResponse(0, [("calls", [partition], no_tags)], error, no_tags)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (answer(error=14), GroupLoadInProgressError),
        (answer(error=16), NotCoordinatorForGroupError),
        (answer(partition_error=16), NotCoordinatorForGroupError),
        (answer(partition_error=88), UnstableOffsetCommitError),
        (answer(error=12345), UnknownError),
    ],
)
def test_every_error_is_noticed(response: OffsetFetchResponse, error: type[Exception]) -> None:
    with pytest.raises(error):
        committed_offsets(response)
    assert committed_offsets(answer()) == {TopicPartition("calls", 0): (OFFSET, "")}
