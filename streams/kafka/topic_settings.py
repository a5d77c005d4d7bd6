"""The settings of topics on a cluster: checking them against ``schemas/topics.yaml``, and changing some of them."""

import asyncio
import time
from collections.abc import Collection
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAuthorizationFailedError, UnknownTopicOrPartitionError, for_code

from schemas.topics import TopicSpec, load_topics
from streams.kafka.connection import KafkaConnection
from streams.kafka.denials import REMEDY
from streams.kafka.protocol.alter_configs import IncrementalAlterConfigs
from streams.kafka.topic_admin import ANSWER_WITHIN, PAUSE, any_broker, connected_admin, describe
from streams.kafka.topic_errors import TopicError, TopicHiddenError, TopicMismatchError

#: Settings that `update_settings` may change, because this harms no existing records.
_UPDATED = ("message.timestamp.type", "compression.type")
#: Settings that are checked; retention is not, so that operators may change it.
_CHECKED = ("cleanup.policy", "max.message.bytes", *_UPDATED)
#: Seconds until all brokers know of a topic or setting that one of them knows.
SPREAD_WITHIN = 2.0


def resolved_topics(prefix: str, group: str) -> dict[str, TopicSpec]:
    """All topics of ``schemas/topics.yaml``, by their full names in this installation."""
    return {spec.resolve(prefix, group): spec for spec in load_topics()}


async def update_settings(connection: KafkaConnection, prefix: str, group: str) -> dict[str, dict[str, str]]:
    """Set ``message.timestamp.type`` and ``compression.type`` of existing topics as in ``schemas/topics.yaml``.

    Both apply to records written from then on. No other setting is changed.

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
    specs = resolved_topics(prefix, group)
    async with connected_admin(connection) as admin:
        found = await describe(admin, specs)
        changes = {}
        for name, settings in (await _read_settings(admin, found)).items():
            wanted = specs[name].configs
            if different := {key: wanted[key] for key in _UPDATED if settings[key] != wanted[key]}:
                changes[name] = different
        if changes:
            answer = await any_broker(lambda: admin._send_request(IncrementalAlterConfigs(changes)))  # noqa: SLF001  no public one
            for name, code, message in answer.errors():
                raise TopicError(f"topic {name} cannot be changed: {message or for_code(code).__name__}")
            await _wait_for_settings(admin, changes)
    return changes


async def verify_topics(
    admin: AIOKafkaAdminClient, specs: dict[str, TopicSpec], found: dict[str, list[dict[str, Any]]]
) -> None:
    """Check the partitions and settings of existing topics.

    Args:
        admin: A connected client.
        specs: The topics as they must be, by full name.
        found: Their partitions on the cluster.

    Raises:
        TopicMismatchError: If a topic differs.
        TopicError: If settings cannot be read.
    """
    for name, spec in specs.items():
        if len(found[name]) < spec.partitions or (len(found[name]) != spec.partitions and not spec.copartitioned):
            raise TopicMismatchError(_difference(name, "partitions", len(found[name]), spec.partitions))
    for name, settings in (await _read_settings(admin, specs)).items():
        for setting in _CHECKED:
            actual, expected = settings[setting], specs[name].configs[setting]
            if actual != expected:
                raise TopicMismatchError(
                    f"{_difference(name, setting, actual, expected)}; {_remedy(name, setting, expected)}"
                )


async def _wait_for_settings(admin: AIOKafkaAdminClient, changes: dict[str, dict[str, str]]) -> None:
    """Wait until the brokers return the changed settings; a later check finds those that do not."""
    deadline = time.monotonic() + ANSWER_WITHIN
    while time.monotonic() < deadline:
        settings = await _read_settings(admin, changes)
        if all(settings[name][key] == value for name, change in changes.items() for key, value in change.items()):
            return
        await asyncio.sleep(PAUSE)


async def _read_settings(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, dict[str, str]]:
    """Read the checked settings of existing topics."""
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name, configs=dict.fromkeys(_CHECKED, "")) for name in names]
    deadline = time.monotonic() + SPREAD_WITHIN
    while True:
        responses = await any_broker(lambda: admin.describe_configs(resources))
        answers = [answer for response in responses for answer in response.resources]
        failed = [(name, for_code(code)) for code, _, _, name, _ in answers if code]
        if not failed:
            return {name: {entry[0]: entry[1] for entry in entries} for *_, name, entries in answers}
        name, error = failed[0]
        if error is TopicAuthorizationFailedError:
            raise TopicHiddenError(f"this account may not see the settings of {name}; {REMEDY}")
        # The request went to any broker, which may not know a new topic yet.
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
