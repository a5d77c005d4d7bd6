"""The topics that belong together, as they are on the cluster: an input and everything that has its partitions."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from aiokafka import TopicPartition

from streams.kafka.protocol.metadata import TopicMetadata


class InputTopicGoneError(RuntimeError):
    """The input topic was deleted while this worker read it. A fresh process reads whatever has its name then.

    Offsets of the old topic must not be committed for a new one: what stands there before them would never be read.
    """


@dataclass
class PartitionCount:
    """How many partitions there are, as of the last look; read from any thread.

    Attributes:
        input: Those of the input topic.
        servable: Those that every topic has that belongs to the input.
    """

    input: int
    servable: int


@dataclass(frozen=True, slots=True)
class Topology:
    """An input topic and those that must have its partitions: results, dead letters, the changelog of its table.

    Attributes:
        input: Name of the input topic.
        names: Names of all of them, the input among them.
        found: Those that exist.
    """

    input: str
    names: Collection[str]
    found: Mapping[str, TopicMetadata]

    @property
    def id(self) -> bytes | None:
        """Tells the input topic from one of the same name that was deleted; None where it does not exist."""
        return self.found[self.input].id if self.input in self.found else None

    @property
    def missing(self) -> list[str]:
        """Topics that do not exist."""
        return sorted(set(self.names) - self.found.keys())

    @property
    def partitions(self) -> int:
        """Partitions of the input; 0 where it does not exist."""
        return self._count(self.input)

    @property
    def servable(self) -> int:
        """Partitions that every one of the topics has."""
        return min(map(self._count, self.names))

    @property
    def too_small(self) -> dict[str, int]:
        """Topics that exist and have fewer partitions than the input, with their numbers."""
        return {name: self._count(name) for name in sorted(self.found) if self._count(name) < self.partitions}

    @property
    def leaderless(self) -> list[TopicPartition]:
        """Partitions whose broker is away."""
        return [
            TopicPartition(name, partition)
            for name in sorted(self.found)
            for partition, leader in enumerate(self.found[name].leaders)
            if leader < 0
        ]

    def _count(self, name: str) -> int:
        return len(self.found[name].leaders) if name in self.found else 0
