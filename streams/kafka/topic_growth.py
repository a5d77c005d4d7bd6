"""Adds partitions to the topics that belong together, in an order that lets workers go on meanwhile."""

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.errors import InvalidPartitionsError, for_code

from schemas.topics import copartitioned
from streams.kafka.topic_admin import PAUSE, REQUEST_TIMEOUT_MS, any_broker, connected_admin, describe, have_leaders
from streams.kafka.topics import TopicError, TopicMissingError


async def partitions_now(bootstrap: str, prefix: str, group: str) -> dict[str, int]:
    """How many partitions each of the topics has that belong together, ``audio.raw`` first.

    Args:
        bootstrap: Brokers as ``host:port[,host:port...]``.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.

    Raises:
        TopicMissingError: If one of them is missing.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    async with connected_admin(bootstrap) as admin:
        return {name: len(found) for name, found in (await _found(admin, copartitioned(prefix, group))).items()}


async def grow_topics(bootstrap: str, prefix: str, group: str, partitions: int, *, timeout: float = 30.0) -> list[str]:
    """Bring all topics that belong together to so many partitions; what has them already is left alone.

    Results, dead letters and the changelog grow first: workers read a partition of ``audio.raw`` once all of them have
    it. Interrupted, it can be repeated.

    Args:
        bootstrap: Brokers as ``host:port[,host:port...]``.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.
        partitions: How many each shall have.
        timeout: Seconds for the new partitions of a topic to get leaders.

    Returns:
        Names of the topics that grew, in the order in which they did.

    Raises:
        TopicMissingError: If one of them is missing; nothing has changed.
        TopicError: If one has more partitions already, as Kafka cannot remove any; nothing has changed. Or if the
            cluster refuses, or does not get new partitions ready in time; then some topics may have grown.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    raw, *others = copartitioned(prefix, group)
    async with connected_admin(bootstrap) as admin:
        found = await _found(admin, [raw, *others])
        require_growth({name: len(there) for name, there in found.items()}, partitions)
        grown = []
        for names in (others, [raw]):
            smaller = [name for name in names if len(found[name]) < partitions]
            if smaller:
                await _add(admin, smaller, partitions)
                await _wait_for_leaders(admin, smaller, partitions, timeout)
                grown += smaller
    return grown


def require_growth(now: Mapping[str, int], partitions: int) -> None:
    """Make sure that no topic would have to lose partitions.

    Args:
        now: How many each topic has.
        partitions: How many each shall have.

    Raises:
        TopicError: If one has more.
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
        # Somebody else was faster; whether it has the partitions is seen when their leaders are waited for.
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
