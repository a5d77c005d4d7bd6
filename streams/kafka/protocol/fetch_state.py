"""The fetcher's state for each partition: fetched batches, pauses and failures."""

from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streams.kafka.protocol.fetched_partition import FetchedPartition
from streams.kafka.protocol.log_gaps import Gap


class Fetched(NamedTuple):
    """Fetched batches of a partition, and the assignment for which they were fetched."""

    batches: FetchedPartition | Gap
    assignment: Any

    def state(self, tp: TopicPartition) -> Any:  # noqa: ANN401  aiokafka has no types
        """The partition's state; None if it is no longer assigned, or has no position."""
        if not self.assignment.active:
            return None
        state = self.assignment.state_value(tp)
        return state if state is not None and state.has_valid_position else None

    def calculate_backoff(self) -> float:
        """Seconds by which aiokafka delays fetches of all partitions of the broker: none."""
        return 0.0


class Pause:
    """Marks a partition that is not fetched for a while; other partitions of its broker are."""

    def calculate_backoff(self) -> float:
        """Seconds by which aiokafka delays fetches of all partitions of the broker: none."""
        return 0.0


class ChecksumFailure(NamedTuple):
    """A batch with a wrong checksum: its position, and how often it was fetched."""

    position: int
    fetches: int


class FetchFailure(NamedTuple):
    """A position at which a broker returns no records; times are monotonic seconds."""

    position: int
    since: float
    logged_at: float
