"""Checks the cluster: its version, its brokers' advertised addresses, its topics, the role's rights, its clock."""

import asyncio
import time
from collections.abc import Mapping, Sequence

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError

from schemas.access import Grant
from schemas.topics import TopicSpec
from scripts.cli import counted
from scripts.diagnosis.checking import Installation
from scripts.validation.finding import Finding, failed, judged, not_checked, passed, warned
from scripts.validation.topics import check_topic, judge_partitions, topic_failure
from streams.delivery.transactions import check_transactions
from streams.kafka.connected_client import connected_client
from streams.kafka.denials import REMEDY
from streams.kafka.own_rights import missing_rights
from streams.kafka.protocol.api_versions import ApiVersions
from streams.kafka.protocol.describe_quorum import DescribeQuorum
from streams.kafka.reachability import why_unreachable
from streams.kafka.topic_admin import any_broker, connected_admin, describe
from streams.kafka.topic_errors import TopicError
from streams.kafka.topic_settings import resolved_topics

VERSION, ADDRESSES, TOPICS, RIGHTS, CLOCK = "version", "advertised address", "topic", "right", "clock"
_REQUEST_MS = 5_000
_SKEW = 2.0  # seconds: the lag is measured with the brokers' clocks, and certificates and logs with ours
_USUAL_REPLICATION = 3
#: The release in which each version of the cluster's metadata came.
_RELEASES = {20: "3.8", 21: "3.9", 25: "4.0", 27: "4.1"}
_IN_SYNC = "min.insync.replicas"
_APPLY = "./scripts/topics apply creates it"


async def check_version(installation: Installation) -> list[Finding]:
    """Whether the cluster has what workers need."""
    async with connected_client(installation.connection, request_timeout_ms=_REQUEST_MS) as client:
        answer = await client.send(client.get_random_node(), ApiVersions())
        metadata = answer.finalized("metadata.version")
        release = max((level for level in _RELEASES if level <= metadata), default=None)
        name = "older than 3.8" if release is None else f"Kafka {_RELEASES[release]}"
        told = f"metadata.version {metadata} ({name}), transaction.version {answer.finalized('transaction.version')}"
        try:
            await check_transactions(client)
        except IncompatibleBrokerVersion as error:
            return [failed(VERSION, "", f"{told}: {error.args[0]}", "update the brokers, then their features")]
    return [passed(VERSION, "", told)]


async def check_addresses(installation: Installation) -> list[Finding]:
    """Whether all brokers are reached at the addresses that they tell clients."""
    async with connected_client(installation.connection, request_timeout_ms=_REQUEST_MS) as client:
        brokers = sorted(client.cluster.brokers(), key=lambda one: int(one.nodeId))
    problems = await asyncio.gather(*(why_unreachable(one.host, one.port) for one in brokers))
    remedy = "correct advertised.listeners of that broker, or let this machine reach it"
    return [
        judged(ADDRESSES, f"broker {one.nodeId}", [problem] if problem else [], f"{one.host}:{one.port}", remedy)
        for one, problem in zip(brokers, problems, strict=True)
    ]


#: Rights to see a topic's settings; the brokers take the second for the first.
_SHOWING_SETTINGS = frozenset({"DescribeConfigs", "AlterConfigs"})


async def check_topics(installation: Installation) -> list[Finding]:
    """Whether the topics that the role uses are there and as declared."""
    settings = installation.valid
    used = {right.name: right.operations for right in installation.role.rights if right.resource == "topic"}
    specs = {
        name: spec for name, spec in resolved_topics(settings.topic_prefix, settings.group).items() if spec.name in used
    }
    found, counts = [], {}
    async with connected_admin(installation.connection) as admin:
        brokers = len((await any_broker(admin.describe_cluster))["brokers"])
        for name, spec in specs.items():
            told, partitions = await _checked(
                admin, name, spec, brokers, settings_visible=not _SHOWING_SETTINGS.isdisjoint(used[spec.name])
            )
            found.append(told)
            if spec.copartitioned and partitions:
                counts[name] = partitions
    return [*found, judge_partitions(counts)] if counts else found


async def _checked(
    admin: AIOKafkaAdminClient, name: str, spec: TopicSpec, brokers: int, *, settings_visible: bool
) -> tuple[Finding, int]:
    """A finding about one topic, and its number of partitions."""
    try:
        partitions = (await describe(admin, [name])).get(name)
    except TopicError as error:
        return topic_failure(name, error), 0
    if partitions is None:
        return failed(TOPICS, name, "does not exist", _APPLY), 0
    number = len(partitions)
    if not settings_visible:
        return passed(TOPICS, name, f"{counted(number, 'partition')}; this role does not see its settings"), number
    one = await check_topic(admin, name, spec, partitions)
    replicas = len(partitions[0]["replicas"])
    if not one.remedy and replicas < min(brokers, _USUAL_REPLICATION):
        told = f"{one.detail}: calls are lost with {'its' if replicas == 1 else 'their'} broker"
        return warned(TOPICS, name, told, "kafka-reassign-partitions.sh adds replicas on the other brokers"), number
    if not one.remedy and (problem := in_sync_problem(replicas, await _least_in_sync(admin, name))):
        remedy = f"kafka-configs.sh --alter --entity-type topics --entity-name {name} --add-config {_IN_SYNC}=2"
        return warned(TOPICS, name, f"{one.detail}, {problem}", remedy), number
    return one, number


async def _least_in_sync(admin: AIOKafkaAdminClient, name: str) -> int:
    resource = ConfigResource(ConfigResourceType.TOPIC, name, configs={_IN_SYNC: ""})
    [response, *_] = await any_broker(lambda: admin.describe_configs([resource]))
    [(*_, entries)] = response.resources
    return int(entries[0][1])


def in_sync_problem(replicas: int, least: int) -> str | None:
    """What is wrong with the number of replicas that have to have a record before it is acknowledged.

    Args:
        replicas: Of each partition.
        least: Its ``min.insync.replicas``.
    """
    if replicas > 1 and least >= replicas:
        return f"{_IN_SYNC} is {least}: nothing can be written while one broker is away"
    if replicas >= _USUAL_REPLICATION and least == 1:
        return f"{_IN_SYNC} is 1: what one broker alone has acknowledged may be lost with it"
    return None


async def check_rights(installation: Installation) -> list[Finding]:
    """Whether the account may do all that its role does; nothing is done to find out."""
    settings = installation.valid
    login = installation.connection.security.login
    account = installation.role.name if login is None else login.username
    grants = installation.role.grants(account, settings.topic_prefix, settings.group)
    async with connected_client(installation.connection, request_timeout_ms=_REQUEST_MS) as client:
        missing, unknown = await missing_rights(client, grants)
    return [_judged(one, missing, unknown) for one in grants]


def _judged(one: Grant, missing: Sequence[Grant], unknown: Mapping[Grant, str]) -> Finding:
    subject = str(one).removeprefix(f"{one.account} ")
    if one in unknown:
        return not_checked(RIGHTS, subject, f"because {unknown[one]}")
    if one in missing:
        return failed(RIGHTS, subject, "this account lacks it", REMEDY)
    return passed(RIGHTS, subject, "is there")


async def check_clock(installation: Installation) -> list[Finding]:
    """How far this machine's clock is from the brokers', where the account may ask for it."""
    async with connected_client(installation.connection, request_timeout_ms=_REQUEST_MS) as client:
        asked = time.time()
        try:
            answer = await client.send(client.get_random_node(), DescribeQuorum())
        except KafkaError:
            answer = None
        answered = time.time()
    theirs = None if answer is None or answer.error_code else answer.leaders_clock()
    if theirs is None:
        told = "this account may not ask the brokers for their time; workers measure it: audio_clock_ahead_seconds"
        return [not_checked(CLOCK, "", told)]
    return [judged_clock(asked, theirs / 1000, answered)]


def judged_clock(asked: float, theirs: float, answered: float) -> Finding:
    """A finding about two clocks, in seconds since the Unix epoch.

    Args:
        asked: By ours, when the brokers were asked.
        theirs: By the brokers', at some time between.
        answered: By ours, when they had answered.
    """
    ahead = asked - theirs if asked > theirs else min(0.0, answered - theirs)
    if abs(ahead) <= _SKEW:
        return passed(CLOCK, "", f"within {_SKEW:g} s of the brokers'")
    told = f"this machine's clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the brokers'"
    return failed(CLOCK, "", told, "synchronize the clocks of all machines by NTP")
