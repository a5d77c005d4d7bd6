"""How a fetcher stands with each partition."""

from typing import Any, NamedTuple

from aiokafka import TopicPartition

from streams.kafka.protocol.fetched_partition import FetchedPartition
from streams.kafka.protocol.log_gaps import Gap


class Fetched(NamedTuple):
    """Batches of a partition, and the assignment that they were fetched for."""

    batches: FetchedPartition | Gap
    assignment: Any

    def state(self, tp: TopicPartition) -> Any:  # noqa: ANN401  aiokafka has no types
        """The partition's state; None if it is assigned no longer, or has no position."""
        if not self.assignment.active:
            return None
        state = self.assignment.state_value(tp)
        return state if state is not None and state.has_valid_position else None

    def calculate_backoff(self) -> float:
        """Seconds that all partitions of the broker wait for it."""
        return 0.0


class Pause:
    """Stands for a partition that is not fetched from for a while. Others of its broker are."""

    def calculate_backoff(self) -> float:
        """Seconds that all partitions of the broker wait for it."""
        return 0.0


class ChecksumFailure(NamedTuple):
    """A batch whose checksum was wrong."""

    position: int
    fetches: int


class FetchFailure(NamedTuple):
    """A position of which a broker gives no records."""

    position: int
    since: float
    logged_at: float
