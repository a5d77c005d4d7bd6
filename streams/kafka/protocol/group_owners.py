"""The owners of a consumer group's partitions, as its coordinator knows them."""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import (
    CoordinatorLoadInProgressError,
    GroupCoordinatorNotAvailableError,
    NoError,
    NotCoordinatorForGroupError,
    for_code,
)
from aiokafka.protocol.admin import DescribeGroupsRequest

#: Group states in which the assignment is valid: members have what it says, or there are no members.
_SETTLED = {"Stable", "Empty", "Dead"}
_MOVING = (CoordinatorLoadInProgressError, GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError)


async def fetch_owners(client: AIOKafkaClient, group: str) -> Mapping[TopicPartition, str] | None:
    """Read the members of a group and their partitions.

    Returns:
        Client id and host of the member that owns each partition, of all topics; None while the group rebalances or
        its coordinator changes.

    Raises:
        KafkaError: When the coordinator does not answer, or refuses.
    """
    members = await _members(client, group)
    if members is None:
        return None
    return {
        TopicPartition(topic, partition): f"{client_id} {host}"
        for _, client_id, host, _, assignment, *_ in members
        if assignment
        for topic, partitions in ConsumerProtocolMemberAssignment.decode(assignment).assignment
        for partition in partitions
    }


async def fetch_member_hosts(client: AIOKafkaClient, group: str) -> list[str] | None:
    """Read the hosts of a group's members, one for each, also of those without partitions.

    Returns:
        Addresses as the coordinator sees them, such as ``/10.0.0.5``; None as in `fetch_owners`.

    Raises:
        KafkaError: When the coordinator does not answer, or refuses.
    """
    members = await _members(client, group)
    return None if members is None else [host for _, _, host, *_ in members]


async def _members(client: AIOKafkaClient, group: str) -> list[Any] | None:
    """The members as the coordinator describes them; None while the group rebalances or its coordinator changes."""
    coordinator = await client.coordinator_lookup(CoordinationType.GROUP, group)
    answer = await client.send(coordinator, DescribeGroupsRequest([group]), group=ConnectionGroup.COORDINATION)
    [(code, _, state, _, _, members, *_)] = answer.groups
    error = for_code(code)
    if error in _MOVING:
        return None
    if error is not NoError:
        raise error(group)
    return list(members) if state in _SETTLED else None
