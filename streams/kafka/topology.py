"""The copartitioned topics as they are on the cluster: the inputs and the topics that need the same partitions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from aiokafka import TopicPartition

from streams.kafka.protocol.metadata import TopicMetadata


class InputTopicGoneError(RuntimeError):
    """An input topic was deleted while this worker read it. The worker ends; a new process reads the new topic.

    Offsets of the old topic must not be committed for a new one: its records before them would never be read.
    """


@dataclass
class PartitionCount:
    """The numbers of partitions in the last cluster snapshot; readable from any thread.

    Attributes:
        input: Partitions of the first input topic, that of live calls.
        servable: Partitions that all copartitioned topics have.
    """

    input: int
    servable: int


@dataclass(frozen=True, slots=True)
class Topology:
    """The input topics and their copartitioned topics: results, dead letters, and the changelog of the table.

    Attributes:
        inputs: Names of the input topics, that of live calls first.
        names: Names of all these topics, including the inputs.
        found: Metadata of the topics that exist.
    """

    inputs: Sequence[str]
    names: Collection[str]
    found: Mapping[str, TopicMetadata]

    @property
    def ids(self) -> dict[str, bytes]:
        """Kafka's ids of the input topics that exist. An id changes when its topic is created again."""
        return {name: self.found[name].id for name in self.inputs if name in self.found}

    @property
    def missing(self) -> list[str]:
        """Topics that do not exist."""
        return sorted(set(self.names) - self.found.keys())

    @property
    def partitions(self) -> int:
        """Number of partitions of the largest input; 0 when none exists."""
        return max(map(self.count, self.inputs))

    @property
    def servable(self) -> int:
        """Number of partitions that all the topics have."""
        return min(map(self.count, self.names))

    @property
    def too_small(self) -> dict[str, int]:
        """Topics that exist and have fewer partitions than the largest input, with their numbers of partitions."""
        return {name: self.count(name) for name in sorted(self.found) if self.count(name) < self.partitions}

    @property
    def leaderless(self) -> list[TopicPartition]:
        """Partitions without a leader."""
        return [
            TopicPartition(name, partition)
            for name in sorted(self.found)
            for partition, leader in enumerate(self.found[name].leaders)
            if leader < 0
        ]

    def count(self, name: str) -> int:
        """Number of partitions of a topic; 0 when it does not exist."""
        return len(self.found[name].leaders) if name in self.found else 0
