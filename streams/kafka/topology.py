"""The copartitioned topics as they are on the cluster: the input and the topics that need the same partitions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition

from streams.kafka.protocol.metadata import TopicMetadata


class InputTopicGoneError(RuntimeError):
    """The input topic was deleted while this worker read it. The worker ends; a new process reads the new topic.

    Offsets of the old topic must not be committed for a new one: its records before them would never be read.
    """


@dataclass
class PartitionCount:
    """The numbers of partitions in the last cluster snapshot; readable from any thread.

    Attributes:
        input: Partitions of the input topic.
        servable: Partitions that all copartitioned topics have.
    """

    input: int
    servable: int


@dataclass(frozen=True, slots=True)
class Topology:
    """The input topic and its copartitioned topics: results, dead letters, and the changelog of the table.

    Attributes:
        input: Name of the input topic.
        names: Names of all these topics, including the input.
        found: Metadata of the topics that exist.
    """

    input: str
    names: Collection[str]
    found: Mapping[str, TopicMetadata]

    @property
    def id(self) -> bytes | None:
        """Kafka's id of the input topic, which changes when it is created again; None when it does not exist."""
        return self.found[self.input].id if self.input in self.found else None

    @property
    def missing(self) -> list[str]:
        """Topics that do not exist."""
        return sorted(set(self.names) - self.found.keys())

    @property
    def partitions(self) -> int:
        """Number of partitions of the input; 0 when it does not exist."""
        return self._count(self.input)

    @property
    def servable(self) -> int:
        """Number of partitions that all the topics have."""
        return min(map(self._count, self.names))

    @property
    def too_small(self) -> dict[str, int]:
        """Topics that exist and have fewer partitions than the input, with their numbers of partitions."""
        return {name: self._count(name) for name in sorted(self.found) if self._count(name) < self.partitions}

    @property
    def leaderless(self) -> list[TopicPartition]:
        """Partitions without a leader."""
        return [
            TopicPartition(name, partition)
            for name in sorted(self.found)
            for partition, leader in enumerate(self.found[name].leaders)
            if leader < 0
        ]

    def _count(self, name: str) -> int:
        return len(self.found[name].leaders) if name in self.found else 0
