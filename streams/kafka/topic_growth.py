"""Adds partitions to the copartitioned topics, in an order that lets workers continue meanwhile."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import InvalidPartitionsError, for_code

from schemas.topics import copartitioned, inputs
from streams.kafka.topic_admin import PAUSE, REQUEST_TIMEOUT_MS, any_broker, describe, have_leaders
from streams.kafka.topic_errors import TopicError, TopicMissingError


async def grow_topics(
    admin: AIOKafkaAdminClient, prefix: str, group: str, partitions: int, *, timeout: float = 30.0
) -> list[str]:
    """Grow all copartitioned topics to a number of partitions; topics that have as many are not changed.

    Results, dead letters and the changelog grow first: workers read a partition of the inputs as soon as all topics
    have it. After an interruption, call it again.

    Args:
        admin: A connected client.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.
        partitions: The number of partitions of each topic.
        timeout: Seconds for the new partitions of a topic to get leaders.

    Returns:
        Names of the topics that grew, in the order in which they grew.

    Raises:
        TopicMissingError: If a topic is missing; nothing was changed.
        TopicError: If a topic has more partitions already, because Kafka cannot remove any; nothing was changed. Or if
            the cluster refuses, or new partitions are not ready in time; some topics may have grown then.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    names = copartitioned(prefix, group)
    read = inputs(prefix, group)
    others = [name for name in names if name not in read]
    found = await _found(admin, names)
    require_growth({name: len(there) for name, there in found.items()}, partitions)
    grown = []
    for together in (others, read):
        smaller = [name for name in together if len(found[name]) < partitions]
        if smaller:
            await _add(admin, smaller, partitions)
            await _wait_for_leaders(admin, smaller, partitions, timeout)
            grown += smaller
    return grown


def require_growth(now: Mapping[str, int], partitions: int) -> None:
    """Check that no topic has more partitions than it is to have.

    Args:
        now: The current number of partitions of each topic.
        partitions: The wanted number.

    Raises:
        TopicError: If a topic has more.
    """
    for name, count in now.items():
        if count > partitions:
            raise TopicError(
                f"topic {name} has {count} partitions, and Kafka cannot remove any: ask for {count} or more"
            )


async def _found(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, list[dict[str, Any]]]:
    found = await describe(admin, names)
    if missing := sorted(set(names) - found.keys()):
        raise TopicMissingError(f"missing: {', '.join(missing)}; run ./scripts/topics apply")
    return {name: found[name] for name in names}


async def _add(admin: AIOKafkaAdminClient, names: Collection[str], partitions: int) -> None:
    wanted = {name: NewPartitions(partitions) for name in names}
    response = await any_broker(lambda: admin.create_partitions(wanted, timeout_ms=REQUEST_TIMEOUT_MS))
    for name, code, message in response.topic_errors:
        # Another process may have grown it first; the wait for leaders checks the number.
        if code and for_code(code) is not InvalidPartitionsError:
            raise TopicError(f"topic {name} cannot grow: {message or for_code(code).__name__}")


async def _wait_for_leaders(
    admin: AIOKafkaAdminClient, names: Collection[str], partitions: int, timeout: float
) -> None:
    deadline = time.monotonic() + timeout
    while True:
        found = await describe(admin, names)
        waiting = [name for name in names if len(found.get(name, ())) < partitions or not have_leaders(found[name])]
        if not waiting:
            return
        if time.monotonic() > deadline:
            raise TopicError(f"the new partitions are not ready after {timeout:g} s: {', '.join(waiting)}")
        await asyncio.sleep(PAUSE)
