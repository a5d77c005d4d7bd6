"""Kafka's promises about consumer groups and their coordinators, in memory."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from aiokafka.errors import NotCoordinatorForGroupError, ProducerFenced

from streams.kafka.protocol.offset_fetch import UnstableOffsetCommitError
from streams.kafka.protocol.txn_offset_commit import GroupMember
from tests.support.kafka_model import Committed, KafkaModel


class CoordinatorView(NamedTuple):
    """What a broker that has coordinated the group takes for committed, and for still moving."""

    committed: Mapping[int, Committed]
    unstable: Collection[int]


class CoordinatorModel:
    """Which broker coordinates the group, and one that did before and has not heard of it: it answers as it did then.

    Args:
        kafka: What is committed in truth.
        partitions: Of the input topic.
    """

    def __init__(self, kafka: KafkaModel, partitions: int) -> None:
        self._kafka = kafka
        self._partitions = range(partitions)
        self._present = 0
        self._former: dict[int, CoordinatorView] = {}
        self._lookups = 0

    def cut_off(self) -> None:
        """Let another broker take over, unheard by the present one."""
        self._former = {self._present: self._truth()}
        self._present += 1

    def update_former(self) -> None:
        """Let the former coordinator hear of it."""
        self._former.clear()

    @property
    def has_stale_coordinator(self) -> bool:
        """Whether one has not heard of it."""
        return bool(self._former)

    def find(self) -> int:
        """Who calls itself the coordinator: by turns one that was and the one that is."""
        self._lookups += 1
        return next(iter(self._former), self._present) if self._lookups % 2 else self._present

    def check(self, broker: int) -> None:
        """Refuse an offset at a broker that cannot have it replicated.

        Raises:
            NotCoordinatorForGroupError: As it says once it has heard.
        """
        if broker != self._present:
            raise NotCoordinatorForGroupError

    def committed(self, broker: int, partitions: Collection[int], *, stable: bool) -> dict[int, Committed]:
        """A broker's answer to who asks for committed offsets.

        Raises:
            NotCoordinatorForGroupError: When it knows that it is not the coordinator.
            UnstableOffsetCommitError: When stable ones are asked for, and a transaction moves one of them.
        """
        if broker not in self._former:
            self.check(broker)
        believed = self._former.get(broker) or self._truth()
        if stable and any(partition in believed.unstable for partition in partitions):
            raise UnstableOffsetCommitError
        return {partition: believed.committed[partition] for partition in partitions if partition in believed.committed}

    def _truth(self) -> CoordinatorView:
        unstable = [partition for partition in self._partitions if not self._kafka.stable([partition])]
        return CoordinatorView(dict(self._kafka.committed), unstable)


class GroupModel:
    """The group's members: an eager rebalance waits for every member to let go and join again.

    Args:
        partitions: To be assigned.
        coordinators: Which broker coordinates it.
    """

    def __init__(self, partitions: int, coordinators: CoordinatorModel) -> None:
        self.coordinators = coordinators
        self._partitions = range(partitions)
        self._ids: dict[str, str] = {}
        self.members: list[str] = []
        self.joined: set[str] = set()
        self.rebalancing = False
        self.generation = 0

    def register(self, name: str, member_id: str) -> None:
        """Let a process take a member's place: whoever had it before is no longer known."""
        self._ids[name] = member_id

    def check(self, member: GroupMember) -> None:
        """Refuse a commit on behalf of whom the group no longer knows so.

        Raises:
            ProducerFenced: As the product's client says it.
        """
        if member.generation < 0:  # brokers check none where none is named
            return
        name = member.instance
        known = name in self.members and self._ids[name] == member.member_id
        if not known or member.generation != self.generation:
            raise ProducerFenced

    def join(self, name: str, member_id: str) -> None:
        """Let a member in, or in again."""
        self.register(name, member_id)
        if name not in self.members:
            self.members.append(name)
        self.joined.add(name)
        self.rebalance()

    def leave(self, name: str) -> None:
        """Let a member go, or find it silent for too long."""
        if name in self.members:
            self.members.remove(name)
            self.joined.discard(name)
            self.rebalance()

    def assigned(self, name: str) -> Sequence[int]:
        """Partitions of a member in this generation; they move with every generation."""
        turn = self.members.index(name) + self.generation
        return [partition for partition in self._partitions if (partition + turn) % len(self.members) == 0]

    def rebalance(self) -> None:
        """Wait for every member to join again."""
        self.rebalancing = True
        if self.members and self.joined == set(self.members):
            self.rebalancing = False
            self.joined.clear()
            self.generation += 1
