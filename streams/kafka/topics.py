"""Creates the topics of ``schemas/topics.yaml`` on a cluster, and checks existing ones."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    NotControllerError,
    RequestTimedOutError,
    TopicAlreadyExistsError,
    for_code,
)

from schemas.topics import TopicSpec
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_admin import (
    PAUSE,
    REQUEST_TIMEOUT_MS,
    any_broker,
    connected_admin,
    describe,
    have_leaders,
)
from streams.kafka.topic_errors import TopicError, TopicMismatchError, TopicMissingError
from streams.kafka.topic_growth import grow_topics, require_growth
from streams.kafka.topic_settings import SPREAD_WITHIN, resolved_topics, verify_topics

_USUAL_REPLICATION = 3
#: Far more than workers need; a controller that is asked for millions runs out of memory, and the cluster with it.
_MOST_PARTITIONS = 1_000
# A race with another process, or a change of the controller: the next description shows the outcome.
_RETRIABLE = {error.errno for error in (TopicAlreadyExistsError, NotControllerError, RequestTimedOutError)}


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic on the cluster.

    Attributes:
        name: Its full name.
        created: Whether this call created it.
        grown: Whether this call added partitions to it.
        partitions: Number of partitions.
        replication: Replicas of each partition.
        copartitioned: Whether it must have as many partitions as ``audio.raw``.
    """

    name: str
    created: bool
    grown: bool
    partitions: int
    replication: int
    copartitioned: bool


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What `apply_topics` would do to a topic.

    Attributes:
        name: Its full name.
        now: Its number of partitions; None where it does not exist.
        partitions: The number that it would have.
    """

    name: str
    now: int | None
    partitions: int


async def apply_topics(
    connection: KafkaConnection,
    prefix: str,
    group: str,
    replication: int | None = None,
    *,
    partitions: int | None = None,
    timeout: float = 30.0,
) -> list[TopicState]:
    """Create missing topics, check the others, and add partitions to them where a number is given.

    Any number of processes may do so at the same time; after an interruption, repeat it. Without a number of
    partitions, a new topic gets as many as its existing copartitioned topics, if they have more than
    ``schemas/topics.yaml`` says. Topics grow as in `grow_topics`, and only if the settings of all are as required.

    Args:
        connection: The cluster.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.
        replication: Replicas of each partition of a new topic; None means three, or the number of brokers if it is
            smaller.
        partitions: Partitions of each copartitioned topic; None leaves existing ones as they are.
        timeout: Seconds for new partitions to get leaders.

    Returns:
        All topics, in the order of ``schemas/topics.yaml``.

    Raises:
        TopicMismatchError: If an existing topic has too few partitions, not as many as ``audio.raw``, or other
            settings.
        TopicError: If the cluster refuses a change, or a topic is not ready in time. Or, without any change, if a topic
            has more partitions than wanted, or fewer are wanted than ``schemas/topics.yaml`` says, or far too many.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    specs = resolved_topics(prefix, group)
    wanted = _wanted(specs, partitions)
    deadline = time.monotonic() + timeout
    created: set[str] = set()
    grown: list[str] = []
    async with connected_admin(connection) as admin:
        if partitions is not None:
            require_growth(_numbers(specs, await describe(admin, specs)), partitions)
        while True:
            found = await describe(admin, specs)
            missing = {name: spec for name, spec in wanted.items() if name not in found}
            if missing:
                created |= await _create(admin, _as_large_as(found, specs, missing), replication)
            elif all(have_leaders(partitions) for partitions in found.values()):
                break
            if time.monotonic() > deadline:
                waiting = sorted(missing) or sorted(n for n, p in found.items() if not have_leaders(p))
                raise TopicError(f"topics are not ready after {timeout:g} s: {', '.join(waiting)}")
            await asyncio.sleep(PAUSE)
        await verify_topics(admin, specs, found)
        if partitions is not None:
            grown = await grow_topics(admin, prefix, group, partitions, timeout=timeout)
            found = await describe(admin, specs)
    states = _states(specs, found, created, grown)
    require_equal_partitions(states)
    return states


async def planned_changes(
    connection: KafkaConnection, prefix: str, group: str, partitions: int | None = None
) -> list[TopicChange]:
    """Find what `apply_topics` would do, without changing anything.

    Args:
        connection: The cluster.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.
        partitions: Partitions of each copartitioned topic; None leaves existing ones as they are.

    Returns:
        The topics that it would change, in the order of ``schemas/topics.yaml``.

    Raises:
        TopicMismatchError: If an existing topic has too few partitions, or other settings.
        TopicError: If it cannot be done, as in `apply_topics`.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    specs = resolved_topics(prefix, group)
    wanted = _wanted(specs, partitions)
    async with connected_admin(connection) as admin:
        found = await describe(admin, specs)
        if partitions is not None:
            require_growth(_numbers(specs, found), partitions)
        await verify_topics(admin, {name: spec for name, spec in specs.items() if name in found}, found)
    large = _as_large_as(found, specs, wanted)
    now = {name: len(found[name]) if name in found else None for name in specs}
    return [
        TopicChange(name, now[name], spec.partitions)
        for name, spec in large.items()
        if now[name] is None or (partitions is not None and now[name] != spec.partitions)
    ]


async def check_topics(
    connection: KafkaConnection, prefix: str, group: str, names: Collection[str] | None = None
) -> list[TopicState]:
    """Check that the topics exist and are as ``schemas/topics.yaml`` says, without changing anything.

    Copartitioned topics may have different numbers of partitions, see `require_equal_partitions`: workers serve the
    partitions that all of them have.

    Args:
        connection: The cluster.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.
        names: Logical names of the topics to check; None checks all.

    Returns:
        Those topics, in the order of ``schemas/topics.yaml``.

    Raises:
        TopicMissingError: If a topic is missing.
        TopicMismatchError: If a topic has fewer partitions or other settings than ``schemas/topics.yaml`` says.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    specs = {full: spec for full, spec in resolved_topics(prefix, group).items() if names is None or spec.name in names}
    async with connected_admin(connection) as admin:
        deadline = time.monotonic() + SPREAD_WITHIN
        while missing := specs.keys() - (found := await describe(admin, specs)).keys():
            if time.monotonic() > deadline:
                raise TopicMissingError(f"missing: {', '.join(sorted(missing))}; run ./scripts/topics apply")
            await asyncio.sleep(PAUSE)
        await verify_topics(admin, specs, found)
    return _states(specs, found)


def servable_partitions(states: Collection[TopicState]) -> int:
    """Number of partitions of ``audio.raw`` that can be served: those that all copartitioned topics have.

    Args:
        states: All topics.
    """
    return min(state.partitions for state in states if state.copartitioned)


def require_equal_partitions(states: Collection[TopicState]) -> None:
    """Check that copartitioned topics have the same number of partitions.

    Args:
        states: Some or all of the topics.

    Raises:
        TopicMismatchError: If they differ; the message says how to make them equal.
    """
    numbers = {state.name: state.partitions for state in states if state.copartitioned}
    if len(set(numbers.values())) > 1:
        most = max(numbers.values())
        named = ", ".join(f"{name} has {number}" for name, number in numbers.items())
        raise TopicMismatchError(
            f"topics that belong together differ in their partitions: {named};"
            f" run ./scripts/topics grow --partitions {most}"
        )


def _states(
    specs: Mapping[str, TopicSpec],
    found: Mapping[str, list[dict[str, Any]]],
    created: Collection[str] = (),
    grown: Collection[str] = (),
) -> list[TopicState]:
    return [
        TopicState(
            name,
            name in created,
            name in grown,
            len(found[name]),
            len(found[name][0]["replicas"]),
            spec.copartitioned,
        )
        for name, spec in specs.items()
    ]


def _wanted(specs: Mapping[str, TopicSpec], partitions: int | None) -> dict[str, TopicSpec]:
    """The topics with a wanted number of partitions, or with their own; raises TopicError if it is too small."""
    least = max(spec.partitions for spec in specs.values() if spec.copartitioned)
    if partitions is not None and partitions < least:
        raise TopicError(f"{partitions} partitions are too few: schemas/topics.yaml has {least}")
    if partitions is not None and partitions > _MOST_PARTITIONS:
        raise TopicError(f"{partitions} partitions are too many: {_MOST_PARTITIONS} at most")
    return {
        name: replace(spec, partitions=partitions or spec.partitions) if spec.copartitioned else spec
        for name, spec in specs.items()
    }


def _numbers(specs: Mapping[str, TopicSpec], found: Mapping[str, list[dict[str, Any]]]) -> dict[str, int]:
    """The numbers of partitions of the copartitioned topics that exist."""
    return {name: len(found[name]) for name, spec in specs.items() if spec.copartitioned and name in found}


def _as_large_as(
    found: Mapping[str, list[dict[str, Any]]], specs: Mapping[str, TopicSpec], missing: Mapping[str, TopicSpec]
) -> dict[str, TopicSpec]:
    """The missing topics, with at least as many partitions as their existing copartitioned topics."""
    most = max(_numbers(specs, found).values(), default=0)
    return {
        name: replace(spec, partitions=max(spec.partitions, most)) if spec.copartitioned else spec
        for name, spec in missing.items()
    }


async def _create(admin: AIOKafkaAdminClient, missing: dict[str, TopicSpec], replication: int | None) -> set[str]:
    """Create the missing topics; return the names of those that this call created."""
    if replication is None:
        replication = min(_USUAL_REPLICATION, len((await any_broker(admin.describe_cluster))["brokers"]))
    new = [NewTopic(name, spec.partitions, replication, topic_configs=spec.configs) for name, spec in missing.items()]
    response = await any_broker(lambda: admin.create_topics(new, timeout_ms=REQUEST_TIMEOUT_MS))
    for name, code, message in response.topic_errors:
        if code and code not in _RETRIABLE:
            raise TopicError(f"topic {name} cannot be created: {message or for_code(code).__name__}")
    return {name for name, code, _ in response.topic_errors if not code}
