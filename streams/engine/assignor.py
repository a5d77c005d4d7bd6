"""The partition assignor: Faust's sticky assignment, limited to the partitions that can be served.

The class here uses internals of Faust 0.15.3; the release is pinned for that reason.
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

    It assigns only partitions that all copartitioned topics have. Faust would assign topics with different numbers of
    partitions independently of each other: an input partition and its table could end up on different workers.

    It moves standby replicas of tables to workers without partitions, so that these can take over quickly. Faust does
    not move them.

    A worker can make its group assign all partitions again, see `request_reassignment`.

    Args:
        app: The app.
        replicas: Standby replicas of each table partition.
        partitions: Returns the number of partitions that can be served now; called from the consumer's thread.
    """

    def __init__(self, app: AppT, replicas: int, partitions: Callable[[], int]) -> None:
        super().__init__(app, replicas)
        self._partitions = partitions
        self._assigning = 0
        self._requests = 0

    def request_reassignment(self) -> None:
        """Make this worker's next join start a rebalance.

        A coordinator starts one when the leader joins again, or when a member's metadata have changed; other members
        just get their old assignment. After all workers were restarted one by one, no worker knows that it is the
        leader: as static members they got the old assignment back. So the metadata are changed.
        """
        self._requests += 1

    def metadata(self, topics: set[str]) -> ConsumerProtocolMemberMetadata:
        """This worker's metadata for the leader, with the number of its requests, so that each request changes them."""
        metadata = super().metadata(topics)
        user_data = json.dumps(json.loads(metadata.user_data) | {"demands": self._requests})
        return ConsumerProtocolMemberMetadata(metadata.version, metadata.subscription, user_data.encode())

    def _perform_assignment(
        self, cluster: ClusterMetadata, member_metadata: MemberMetadataMapping
    ) -> MemberAssignmentMapping:
        self._assigning = self._partitions()
        return super()._perform_assignment(cluster, member_metadata)

    def _get_copartitioned_groups(  # type: ignore[override]  # Faust's is a class method, and called on the instance
        self, topics: set[str], _: ClusterMetadata, subscriptions: MemberSubscriptionMapping
    ) -> CopartitionedGroups:
        together = self._group_co_subscribed(topics, subscriptions)
        return {self._assigning: together} if self._assigning else {}

    def _get_client_metadata(  # type: ignore[override]  # as above
        self, metadata: ConsumerProtocolMemberMetadata
    ) -> ClientMetadata:
        """A worker's metadata without partitions that no longer exist: Faust would let the worker keep them."""
        client = super()._get_client_metadata(metadata)
        for assigned in (client.assignment.actives, client.assignment.standbys):
            for topic, partitions in assigned.items():
                assigned[topic] = [partition for partition in partitions if partition < self._assigning]
        return client

    def _protocol_assignments(
        self, assignments: ClientAssignmentMapping, *distributions: Any
    ) -> MemberAssignmentMapping:
        give_replicas_to_spare_workers(assignments)
        result: MemberAssignmentMapping = super()._protocol_assignments(assignments, *distributions)
        return result


def give_replicas_to_spare_workers(assignments: Mapping[str, ClientAssignment]) -> None:
    """Move a standby replica to each worker without any partition, from the worker with the largest load.

    Args:
        assignments: The assignment of each worker; changed in place.
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
    """Partitions and replicas of the topic of which the worker has most."""
    topics = assignment.actives.keys() | assignment.standbys.keys()
    return max(len(assignment.actives.get(topic, ())) + len(assignment.standbys.get(topic, ())) for topic in topics)
