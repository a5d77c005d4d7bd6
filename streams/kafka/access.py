"""Reads and changes what a cluster's accounts may do (Kafka's ACLs)."""

from collections.abc import Collection, Iterable
from typing import Any

from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest

from schemas.access import Grant, Operation, Resource
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection

# Kafka's codes, of org.apache.kafka.common.resource and .acl.
_RESOURCES: dict[Resource, int] = {"topic": 2, "group": 3, "cluster": 4, "transactional_id": 5}
#: Kafka's codes of operations, which are also the places of their bits where all that is allowed is one number.
OPERATIONS: dict[Operation, int] = {
    "Read": 3, "Write": 4, "Create": 5, "Alter": 7, "Describe": 8, "DescribeConfigs": 10, "AlterConfigs": 11,
}  # fmt: skip
_ANY, _LITERAL, _PREFIXED, _ALLOW = 1, 3, 4, 3
_EVERYWHERE = "*"  # hosts
_USER = "User:"
_REQUEST_TIMEOUT_MS = 10_000


async def grants_of(connection: KafkaConnection, accounts: Collection[str]) -> list[Grant]:
    """Read all that accounts may do, as far as our roles have such rights.

    Raises:
        aiokafka.errors.KafkaError: If no broker answers, or they refuse.
    """
    request = DescribeAclsRequest(_ANY, None, _ANY, None, None, _ANY, _ANY)
    [answer] = await _ask(connection, [request])
    _require(answer.error_code, answer.error_message)
    resources = {code: name for name, code in _RESOURCES.items()}
    operations = {code: name for name, code in OPERATIONS.items()}
    return sorted(
        Grant(principal.removeprefix(_USER), resources[kind], name, pattern == _PREFIXED, operations[operation])
        for kind, name, pattern, entries in answer.resources
        for principal, _host, operation, permission in entries
        if permission == _ALLOW
        and principal.removeprefix(_USER) in accounts
        and kind in resources
        and operation in operations
    )


async def grant(connection: KafkaConnection, grants: Iterable[Grant]) -> None:
    """Allow accounts something; what they may do already stays.

    Raises:
        aiokafka.errors.KafkaError: If no broker answers, or they refuse.
    """
    for answer in await _ask(connection, [CreateAclsRequest(*_place(one), *_permission(one)) for one in grants]):
        for code, message in answer.creation_responses:
            _require(code, message)


async def revoke(connection: KafkaConnection, grants: Iterable[Grant]) -> None:
    """Take from accounts what they may do.

    Raises:
        aiokafka.errors.KafkaError: If no broker answers, or they refuse.
    """
    for answer in await _ask(connection, [DeleteAclsRequest(*_place(one), *_permission(one)) for one in grants]):
        for code, message, _removed in answer.filter_responses:
            _require(code, message)


def _place(one: Grant) -> tuple[int, str, int]:
    return _RESOURCES[one.resource], one.name, _PREFIXED if one.prefixed else _LITERAL


def _permission(one: Grant) -> tuple[str, str, int, int]:
    return f"{_USER}{one.account}", _EVERYWHERE, OPERATIONS[one.operation], _ALLOW


async def _ask(connection: KafkaConnection, requests: Collection[Any]) -> list[Any]:
    """Send requests to a broker, one after the other; brokers hand them on to the controller."""
    if not requests:
        return []
    async with connected_client(connection, request_timeout_ms=_REQUEST_TIMEOUT_MS) as client:
        return [await client.send(client.get_random_node(), request) for request in requests]


def _require(code: int, message: str | None) -> None:
    if code:
        raise for_code(code)(message)
