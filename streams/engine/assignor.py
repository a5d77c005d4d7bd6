"""Which worker gets which partitions: Faust's sticky assignment, for as many partitions as can be served.

The class here rests on internals of Faust 0.15.3; the release is pinned for that reason.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata
from faust.assignor.partition_assignor import (
    ClientAssignmentMapping,
    CopartitionedGroups,
    MemberAssignmentMapping,
    MemberMetadataMapping,
    MemberSubscriptionMapping,
    PartitionAssignor,
)
from faust.types import AppT


class LaneAssignor(PartitionAssignor):
    """Faust's assignor with three differences.

    Only partitions that every topic which belongs to the input has are assigned. Faust would divide topics with
    different numbers of partitions independently of each other, so that an input and its table come apart.

    A worker that is left without partitions gets replicas of tables, so that it can take over soon. Faust leaves them
    where they are.

    A worker can make its group assign all partitions anew, see `request_reassignment`.

    Args:
        app: The app.
        replicas: Standby replicas of each table partition.
        partitions: How many partitions can be served, at this moment; called from the consumer's thread.
    """

    def __init__(self, app: AppT, replicas: int, partitions: Callable[[], int]) -> None:
        super().__init__(app, replicas)
        self._partitions = partitions
        self._dividing = 0
        self._demands = 0

    def request_reassignment(self) -> None:
        """Let this worker's next join start a rebalance.

        A coordinator starts one when the leader joins again, or a member whose metadata have changed; all others just
        get what they had. After all workers were restarted one by one, no worker knows that it is the leader: as static
        members they got the old assignment back.
        """
        self._demands += 1

    def metadata(self, topics: set[str]) -> ConsumerProtocolMemberMetadata:
        """What this worker tells the leader; the number of its demands makes it differ from what it told before."""
        told = super().metadata(topics)
        user_data = json.dumps(json.loads(told.user_data) | {"demands": self._demands})
        return ConsumerProtocolMemberMetadata(told.version, told.subscription, user_data.encode())

    def _perform_assignment(
        self, cluster: ClusterMetadata, member_metadata: MemberMetadataMapping
    ) -> MemberAssignmentMapping:
        self._dividing = self._partitions()
        return super()._perform_assignment(cluster, member_metadata)

    def _get_copartitioned_groups(  # type: ignore[override]  # Faust's is a class method, and called on the instance
        self, topics: set[str], _: ClusterMetadata, subscriptions: MemberSubscriptionMapping
    ) -> CopartitionedGroups:
        together = self._group_co_subscribed(topics, subscriptions)
        return {self._dividing: together} if self._dividing else {}

    def _get_client_metadata(  # type: ignore[override]  # as above
        self, metadata: ConsumerProtocolMemberMetadata
    ) -> ClientMetadata:
        """What a worker has told, without partitions that no longer exist: Faust would leave them to it."""
        told = super()._get_client_metadata(metadata)
        for assigned in (told.assignment.actives, told.assignment.standbys):
            for topic, partitions in assigned.items():
                assigned[topic] = [partition for partition in partitions if partition < self._dividing]
        return told

    def _protocol_assignments(
        self, assignments: ClientAssignmentMapping, *distributions: Any
    ) -> MemberAssignmentMapping:
        give_replicas_to_spare_workers(assignments)
        result: MemberAssignmentMapping = super()._protocol_assignments(assignments, *distributions)
        return result


def give_replicas_to_spare_workers(assignments: Mapping[str, ClientAssignment]) -> None:
    """Move a replica to each worker that has nothing at all, from one that has more than a replica.

    Args:
        assignments: What each worker gets; changed in place.
    """
    for spare in assignments.values():
        if any(spare.actives.values()) or any(spare.standbys.values()):
            continue
        donors = [each for each in assignments.values() if any(each.standbys.values()) and _load(each) > 1]
        if not donors:
            return
        donor = max(donors, key=_load)
        partition = max(partition for partitions in donor.standbys.values() for partition in partitions)
        for topic, partitions in donor.standbys.items():
            if partition in partitions:
                partitions.remove(partition)
                spare.standbys.setdefault(topic, []).append(partition)


def _load(assignment: ClientAssignment) -> int:
    """Partitions of the topic with most of them."""
    topics = assignment.actives.keys() | assignment.standbys.keys()
    return max(len(assignment.actives.get(topic, ())) + len(assignment.standbys.get(topic, ())) for topic in topics)
