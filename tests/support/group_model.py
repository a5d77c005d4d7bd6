"""An in-memory model of consumer groups and their coordinators."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from aiokafka.errors import NotCoordinatorForGroupError, ProducerFenced

from streams.kafka.protocol.offset_fetch import UnstableOffsetCommitError
from streams.kafka.protocol.txn_offset_commit import GroupMember
from tests.support.kafka_model import Committed, KafkaModel


class CoordinatorView(NamedTuple):
    """A coordinator's view of the committed offsets and of the unstable ones."""

    committed: Mapping[int, Committed]
    unstable: Collection[int]


class CoordinatorModel:
    """The group's coordinator, and a stale one that does not know of its replacement and answers with old offsets.

    Args:
        kafka: The true committed offsets.
        partitions: Partitions of the input topic.
    """

    def __init__(self, kafka: KafkaModel, partitions: int) -> None:
        self._kafka = kafka
        self._partitions = range(partitions)
        self._present = 0
        self._former: dict[int, CoordinatorView] = {}
        self._lookups = 0

    def cut_off(self) -> None:
        """Move coordination to another broker without the knowledge of the present one."""
        self._former = {self._present: self._truth()}
        self._present += 1

    def update_former(self) -> None:
        """Tell the former coordinator of its replacement."""
        self._former.clear()

    @property
    def has_stale_coordinator(self) -> bool:
        """Whether a former coordinator does not know of its replacement."""
        return bool(self._former)

    def find(self) -> int:
        """Answer a search for the coordinator: alternately the stale one and the present one."""
        self._lookups += 1
        return next(iter(self._former), self._present) if self._lookups % 2 else self._present

    def check(self, broker: int) -> None:
        """Refuse an offset at a broker that cannot replicate it.

        Raises:
            NotCoordinatorForGroupError: Once it knows of its replacement.
        """
        if broker != self._present:
            raise NotCoordinatorForGroupError

    def committed(self, broker: int, partitions: Collection[int], *, stable: bool) -> dict[int, Committed]:
        """A broker's answer to a request for committed offsets.

        Raises:
            NotCoordinatorForGroupError: When it knows that it is not the coordinator.
            UnstableOffsetCommitError: If stable ones are requested, and a transaction changes one of them.
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
    """The group's members: an eager rebalance waits for every member to revoke its partitions and rejoin.

    Args:
        partitions: Partitions to assign.
        coordinators: The model of its coordinators.
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
        """Register a process as a member; the previous one is no longer known."""
        self._ids[name] = member_id

    def check(self, member: GroupMember) -> None:
        """Refuse a commit of an unknown member or of an old generation.

        Raises:
            ProducerFenced: As the product's client raises it.
        """
        if member.generation < 0:  # brokers check no member if none is named
            return
        name = member.instance
        known = name in self.members and self._ids[name] == member.member_id
        if not known or member.generation != self.generation:
            raise ProducerFenced

    def join(self, name: str, member_id: str) -> None:
        """Let a member join or rejoin."""
        self.register(name, member_id)
        if name not in self.members:
            self.members.append(name)
        self.joined.add(name)
        self.rebalance()

    def leave(self, name: str) -> None:
        """Remove a member that leaves or whose session has timed out."""
        if name in self.members:
            self.members.remove(name)
            self.joined.discard(name)
            self.rebalance()

    def assigned(self, name: str) -> Sequence[int]:
        """A member's partitions in this generation; they change with every generation."""
        turn = self.members.index(name) + self.generation
        return [partition for partition in self._partitions if (partition + turn) % len(self.members) == 0]

    def rebalance(self) -> None:
        """Wait for every member to rejoin."""
        self.rebalancing = True
        if self.members and self.joined == set(self.members):
            self.rebalancing = False
            self.joined.clear()
            self.generation += 1
