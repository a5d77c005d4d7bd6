"""Reports a consumer's position resets: aiokafka continues at the log's start, and only logs it at level info."""

from collections.abc import Callable, Collection
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition


def report_position_resets(consumer: AIOKafkaConsumer, on_reset: Callable[[TopicPartition, int], None]) -> None:
    """Call back with the new position whenever a consumer resets one.

    It does so when the log does not have its current offset, and after a seek to the log's start.

    Args:
        consumer: A started consumer.
        on_reset: Called with the partition and its new position, in the consumer's thread.
    """
    fetcher = consumer._fetcher  # noqa: SLF001  there is no public way
    update = fetcher._update_fetch_positions  # noqa: SLF001

    async def update_and_tell(assignment: Any, node: int, partitions: Collection[TopicPartition]) -> bool:  # noqa: ANN401  aiokafka has no types
        lost = [partition for partition in partitions if assignment.state_value(partition).awaiting_reset]
        wakes: bool = await update(assignment, node, partitions)
        for partition in lost:
            state = assignment.state_value(partition)
            if state.has_valid_position:
                on_reset(partition, state.position)
        return wakes

    fetcher._update_fetch_positions = update_and_tell  # noqa: SLF001
