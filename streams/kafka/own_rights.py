"""Finds out what an account may do, without doing it: each request here is refused for another reason where it may."""

from collections.abc import Collection, Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import UnknownTopicOrPartitionError, for_code
from aiokafka.protocol.admin import DeleteAclsRequest, DescribeGroupsRequest
from aiokafka.protocol.group import HeartbeatRequest
from aiokafka.protocol.transaction import InitProducerIdRequest

from schemas.access import Grant
from streams.kafka.access import OPERATIONS
from streams.kafka.protocol.metadata import Metadata

_NOBODY = "no-member-of-any-group"
_FORBIDDEN_TIMEOUT_MS = 0  # no transaction may have it, so that none begins
_TOPIC, _GROUP, _TRANSACTIONAL_ID, _CLUSTER = 29, 30, 53, 31  # Kafka's codes for what is not authorized
_TOPICS, _LITERAL, _ALLOW = 2, 3, 3
#: Operations that include Describe: whoever may do one sees the topic.
_WITH_DESCRIBE = frozenset({"Read", "Write", "Alter", "Describe"})


async def missing_rights(client: AIOKafkaClient, grants: Sequence[Grant]) -> tuple[list[Grant], dict[Grant, str]]:
    """The rights that the client's account lacks, and those of which nothing can be known, with the reason.

    Args:
        client: Connected with that account.
        grants: The rights to look for. Of a prefix, one name with that beginning is tried.

    Raises:
        aiokafka.errors.KafkaError: If the brokers do not answer.
    """
    about_topics = [one for one in grants if one.resource == "topic"]
    allowed = await _operations_on({one.name for one in about_topics}, client)
    missing = [one for one in grants if one.resource != "topic" and not await _may(client, one)]
    unknown = {}
    for one in about_topics:
        operations = allowed.get(one.name, set())
        if one.name not in allowed:
            unknown[one] = "the topic does not exist"
        elif operations is None and one.operation not in _WITH_DESCRIBE:
            unknown[one] = "the account may not see the topic"
        elif operations is None or one.operation not in operations:
            missing.append(one)
    return missing, unknown


async def _operations_on(names: Collection[str], client: AIOKafkaClient) -> dict[str, set[str] | None]:
    """What the account may do with topics: None where it may not see one; those that do not exist are left out."""
    if not names:
        return {}
    answer = await client.send(client.get_random_node(), Metadata(names, rights=True))
    found: dict[str, set[str] | None] = {}
    for code, name, _, _, _, bits, *_ in answer.topics:
        if for_code(code) is not UnknownTopicOrPartitionError:
            found[name] = None if code == _TOPIC else {one for one, bit in OPERATIONS.items() if bits >> bit & 1}
    return found


async def _may(client: AIOKafkaClient, one: Grant) -> bool:
    node, name = client.get_random_node(), f"{one.name}doctor" if one.prefixed else one.name
    match one.resource:
        case "group" if one.operation == "Read":
            answer = await client.send(node, HeartbeatRequest(name, -1, _NOBODY))
            return bool(answer.error_code != _GROUP)
        case "group":
            answer = await client.send(node, DescribeGroupsRequest([name]))
            return all(code != _GROUP for code, *_ in answer.groups)
        case "transactional_id":
            answer = await client.send(node, InitProducerIdRequest(name, _FORBIDDEN_TIMEOUT_MS))
            return bool(answer.error_code != _TRANSACTIONAL_ID)
        case _:  # the cluster, whose rights are taken from nobody
            request = DeleteAclsRequest(_TOPICS, _NOBODY, _LITERAL, f"User:{_NOBODY}", "*", OPERATIONS["Read"], _ALLOW)
            answer = await client.send(node, request)
            return all(code != _CLUSTER for code, *_ in answer.filter_responses)
