"""Brings the topics of ``schemas/topics.yaml`` onto a cluster, and checks those that are there."""

import asyncio
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    NotControllerError,
    RequestTimedOutError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
    for_code,
)

from schemas.topics import TopicSpec, load_topics
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.alter_configs import IncrementalAlterConfigs
from streams.kafka.topic_admin import (
    ANSWER_WITHIN,
    PAUSE,
    REQUEST_TIMEOUT_MS,
    any_broker,
    connected_admin,
    describe,
    have_leaders,
)

_SPREAD_WITHIN = 2.0  # seconds until every broker knows of a topic that one of them knows
_USUAL_REPLICATION = 3
#: What `update_settings` may change: it harms nothing that is there.
_UPDATED = ("message.timestamp.type", "compression.type")
_CHECKED = ("cleanup.policy", "max.message.bytes", *_UPDATED)  # retention is the operator's to change
# A race with another process, or a controller that is changing: the next look shows how it went.
_PASSING = {error.errno for error in (TopicAlreadyExistsError, NotControllerError, RequestTimedOutError)}


class TopicError(Exception):
    """The cluster's topics are not as they have to be. The message is one line and says what to change."""


class TopicMissingError(TopicError):
    """A topic is not there: run ``./scripts/topics apply``."""


class TopicMismatchError(TopicError):
    """A topic is there and differs from ``schemas/topics.yaml``: change the one or the other."""


@dataclass(frozen=True, slots=True)
class TopicState:
    """A topic as it stands on the cluster.

    Attributes:
        name: Its full name.
        created: Whether this call created it.
        partitions: Number of partitions.
        replication: Replicas of each partition.
        copartitioned: Whether it must have as many partitions as ``audio.raw``.
    """

    name: str
    created: bool
    partitions: int
    replication: int
    copartitioned: bool


async def apply_topics(
    connection: KafkaConnection, prefix: str, group: str, replication: int | None = None, *, timeout: float = 30.0
) -> list[TopicState]:
    """Create the topics that are missing and check the others; any number of processes may do so at once.

    What is created gets as many partitions as the topics that it belongs to have already, if those are more than
    ``schemas/topics.yaml`` says.

    Args:
        connection: The cluster.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.
        replication: Replicas of each new partition; None takes three, or as many as there are brokers.
        timeout: Seconds for every new topic to get a leader for each partition.

    Returns:
        Every topic, in the order of ``schemas/topics.yaml``.

    Raises:
        TopicMismatchError: If a topic that was there before has too few partitions, not as many as ``audio.raw``, or
            other settings.
        TopicError: If the cluster refuses to create a topic, or does not get it ready in time.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    specs = _resolved(prefix, group)
    deadline = time.monotonic() + timeout
    created: set[str] = set()
    async with connected_admin(connection) as admin:
        while True:
            found = await describe(admin, specs)
            missing = {name: spec for name, spec in specs.items() if name not in found}
            if missing:
                created |= await _create(admin, _as_large_as(found, specs, missing), replication)
            elif all(have_leaders(partitions) for partitions in found.values()):
                break
            if time.monotonic() > deadline:
                waiting = sorted(missing) or sorted(n for n, p in found.items() if not have_leaders(p))
                raise TopicError(f"topics are not ready after {timeout:g} s: {', '.join(waiting)}")
            await asyncio.sleep(PAUSE)
        await _verify(admin, specs, found)
    states = _states(specs, found, created)
    require_equal_partitions(states)
    return states


async def update_settings(connection: KafkaConnection, prefix: str, group: str) -> dict[str, dict[str, str]]:
    """Give topics that are there the ``message.timestamp.type`` and ``compression.type`` that they have to have.

    Both hold for what is written from then on. Nothing else is changed.

    Args:
        connection: The cluster.
        prefix: Put before every topic's name.
        group: Consumer group that the cache's changelog belongs to.

    Returns:
        The settings that were changed, by topic.

    Raises:
        TopicError: If the cluster refuses.
        aiokafka.errors.KafkaConnectionError: If no broker answers.
    """
    specs = _resolved(prefix, group)
    async with connected_admin(connection) as admin:
        found = await describe(admin, specs)
        changes = {}
        for name, settings in (await _settings(admin, found)).items():
            wanted = specs[name].configs
            if different := {key: wanted[key] for key in _UPDATED if settings[key] != wanted[key]}:
                changes[name] = different
        if changes:
            answer = await any_broker(lambda: admin._send_request(IncrementalAlterConfigs(changes)))  # noqa: SLF001  has no door for it
            for name, code, message in answer.errors():
                raise TopicError(f"topic {name} cannot be changed: {message or for_code(code).__name__}")
            await _wait_for(admin, changes)
    return changes


async def check_topics(
    connection: KafkaConnection, prefix: str, group: str, names: Collection[str] | None = None
) -> list[TopicState]:
    """Make sure that the topics are there and as they have to be, without changing anything.

    Topics that belong together may differ in their numbers of partitions, see `require_equal_partitions`: workers serve
    those that all of them have.

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
    specs = {full: spec for full, spec in _resolved(prefix, group).items() if names is None or spec.name in names}
    async with connected_admin(connection) as admin:
        deadline = time.monotonic() + _SPREAD_WITHIN
        while missing := specs.keys() - (found := await describe(admin, specs)).keys():
            if time.monotonic() > deadline:
                raise TopicMissingError(f"missing: {', '.join(sorted(missing))}; run ./scripts/topics apply")
            await asyncio.sleep(PAUSE)
        await _verify(admin, specs, found)
    return _states(specs, found, set())


def servable_partitions(states: Collection[TopicState]) -> int:
    """How many partitions of ``audio.raw`` can be served: those that every topic has that belongs to it.

    Args:
        states: All topics.
    """
    return min(state.partitions for state in states if state.copartitioned)


def require_equal_partitions(states: Collection[TopicState]) -> None:
    """Make sure that topics that belong together have the same number of partitions.

    Args:
        states: Some of the topics, or all of them.

    Raises:
        TopicMismatchError: If they differ; it says how to bring them to the same number.
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
    specs: Mapping[str, TopicSpec], found: Mapping[str, list[dict[str, Any]]], created: Collection[str]
) -> list[TopicState]:
    return [
        TopicState(name, name in created, len(found[name]), len(found[name][0]["replicas"]), spec.copartitioned)
        for name, spec in specs.items()
    ]


def _as_large_as(
    found: Mapping[str, list[dict[str, Any]]], specs: Mapping[str, TopicSpec], missing: Mapping[str, TopicSpec]
) -> dict[str, TopicSpec]:
    """The missing topics, with as many partitions as those that they belong to have."""
    most = max((len(found[name]) for name, spec in specs.items() if spec.copartitioned and name in found), default=0)
    return {
        name: replace(spec, partitions=max(spec.partitions, most)) if spec.copartitioned else spec
        for name, spec in missing.items()
    }


def _resolved(prefix: str, group: str) -> dict[str, TopicSpec]:
    return {spec.resolve(prefix, group): spec for spec in load_topics()}


async def _create(admin: AIOKafkaAdminClient, missing: dict[str, TopicSpec], replication: int | None) -> set[str]:
    """Ask for the missing topics; returns those that this call created."""
    if replication is None:
        replication = min(_USUAL_REPLICATION, len((await any_broker(admin.describe_cluster))["brokers"]))
    new = [NewTopic(name, spec.partitions, replication, topic_configs=spec.configs) for name, spec in missing.items()]
    response = await any_broker(lambda: admin.create_topics(new, timeout_ms=REQUEST_TIMEOUT_MS))
    for name, code, message in response.topic_errors:
        if code and code not in _PASSING:
            raise TopicError(f"topic {name} cannot be created: {message or for_code(code).__name__}")
    return {name for name, code, _ in response.topic_errors if not code}


async def _verify(
    admin: AIOKafkaAdminClient, specs: dict[str, TopicSpec], found: dict[str, list[dict[str, Any]]]
) -> None:
    """Compare topics that exist with what they have to be."""
    for name, spec in specs.items():
        if len(found[name]) < spec.partitions or (len(found[name]) != spec.partitions and not spec.copartitioned):
            raise TopicMismatchError(_difference(name, "partitions", len(found[name]), spec.partitions))
    for name, settings in (await _settings(admin, specs)).items():
        for setting in _CHECKED:
            actual, expected = settings[setting], specs[name].configs[setting]
            if actual != expected:
                raise TopicMismatchError(
                    f"{_difference(name, setting, actual, expected)}; {_remedy(name, setting, expected)}"
                )


async def _wait_for(admin: AIOKafkaAdminClient, changes: dict[str, dict[str, str]]) -> None:
    """Let the brokers hear of changed settings; a later look at one that has not, tells."""
    deadline = time.monotonic() + ANSWER_WITHIN
    while time.monotonic() < deadline:
        settings = await _settings(admin, changes)
        if all(settings[name][key] == value for name, change in changes.items() for key, value in change.items()):
            return
        await asyncio.sleep(PAUSE)


async def _settings(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, dict[str, str]]:
    """The checked settings of topics that exist."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs=dict.fromkeys(_CHECKED, "")) for name in names]
    deadline = time.monotonic() + _SPREAD_WITHIN
    while True:
        responses = await any_broker(lambda: admin.describe_configs(resources))
        answers = [answer for response in responses for answer in response.resources]
        failed = [(name, for_code(code)) for code, _, _, name, _ in answers if code]
        if not failed:
            return {name: {entry[0]: entry[1] for entry in entries} for *_, name, entries in answers}
        name, error = failed[0]
        # The request went to some broker, and that one may not have heard of a new topic yet.
        if error is not UnknownTopicOrPartitionError or time.monotonic() > deadline:
            raise TopicError(f"topic {name} cannot be read: {error.__name__}")
        await asyncio.sleep(PAUSE)


def _difference(name: str, what: str, actual: object, expected: object) -> str:
    return f"topic {name} has {what}={actual} and must have {expected} (schemas/topics.yaml)"


def _remedy(name: str, setting: str, expected: str) -> str:
    """The command that changes a setting."""
    if setting in _UPDATED:
        return "./scripts/topics apply --update-settings sets it"
    return (
        f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {setting}={expected} sets it"
    )
