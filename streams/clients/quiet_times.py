"""For how long a consumer's partitions have had no further records."""

from collections.abc import Iterator, Set
from typing import Protocol

from aiokafka import TopicPartition


class _Consumer(Protocol):
    """What is used of aiokafka's consumer."""

    def assignment(self) -> Set[TopicPartition]: ...

    def last_poll_timestamp(self, partition: TopicPartition, /) -> int | None: ...


class QuietTimes:
    """Measures the time between answers of the brokers that a partition has no more records.

    Time in which the brokers do not answer does not count, nor does time in which records wait to be read.

    Args:
        consumer: The consumer.
    """

    def __init__(self, consumer: _Consumer) -> None:
        self._consumer = consumer
        self._answers: dict[int, int] = {}

    def interrupt(self, partition: int) -> None:
        """A record of a partition was read."""
        self._answers.pop(partition, None)

    def passed(self) -> Iterator[tuple[int, int]]:
        """Called when nothing is left to read: each partition, and milliseconds since the last time."""
        for place in self._consumer.assignment():
            answer = self._consumer.last_poll_timestamp(place)
            if answer is not None:
                yield place.partition, max(0, answer - self._answers.get(place.partition, answer))
                self._answers[place.partition] = answer
