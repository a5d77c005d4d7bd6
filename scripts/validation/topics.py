"""Checks every topic: that it exists, its partitions and settings, and its replicas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from schemas.topics import TopicSpec
from scripts.cli import Cluster, counted
from scripts.validation.finding import Finding, failed, judged
from streams.kafka.topic_admin import any_broker, connected_admin, describe
from streams.kafka.topic_errors import TopicError
from streams.kafka.topic_settings import resolved_topics, verify_topics

BROKERS, CHECK = "brokers", "topic"
_APPLY = "./scripts/topics apply creates it"


@dataclass(frozen=True, slots=True)
class TopicFindings:
    """What was found about brokers and topics.

    Attributes:
        findings: One for the brokers, one for each topic, and one for topics that belong together.
        partitions: Number of partitions by the topics' full names; missing topics are left out.
    """

    findings: Sequence[Finding]
    partitions: Mapping[str, int]


async def check_topics(cluster: Cluster) -> TopicFindings:
    """Check brokers and topics.

    Raises:
        aiokafka.errors.KafkaError: If no broker answers, or they refuse.
    """
    specs = resolved_topics(cluster.prefix, cluster.group)
    async with connected_admin(cluster.connection) as admin:
        brokers = (await any_broker(admin.describe_cluster))["brokers"]
        found = await describe(admin, specs)
        topics = [await check_topic(admin, name, spec, found.get(name)) for name, spec in specs.items()]
    counts = {name: len(partitions) for name, partitions in found.items()}
    together = {name: counts[name] for name, spec in specs.items() if spec.copartitioned and name in counts}
    answer = judged(BROKERS, cluster.bootstrap_servers, [], f"{counted(len(brokers), 'broker')} in the cluster", "")
    return TopicFindings([answer, *topics, judge_partitions(together)], counts)


def judge_partitions(counts: Mapping[str, int]) -> Finding:
    """Whether topics that belong together have the same number of partitions.

    Args:
        counts: Number of partitions by the topics' names.
    """
    problems = []
    if len(set(counts.values())) > 1:
        problems = ["they differ: " + ", ".join(f"{name} has {number}" for name, number in counts.items())]
    most = max(counts.values(), default=0)
    remedy = f"./scripts/topics grow --partitions {most}"
    return judged(CHECK, "copartitioned topics", problems, f"all have {most} partitions", remedy)


def replica_problems(partitions: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is wrong with a topic's leaders and replicas.

    Args:
        partitions: As the brokers describe them, with ``leader``, ``replicas`` and ``isr``.
    """
    headless = sorted(one["partition"] for one in partitions if one["leader"] < 0)
    behind = sorted(one["partition"] for one in partitions if len(one["isr"]) < len(one["replicas"]))
    problems = [f"no leader: partitions {_listed(headless)}"] if headless else []
    return problems + ([f"replicas are not in sync: partitions {_listed(behind)}"] if behind else [])


def topic_failure(name: str, error: TopicError) -> Finding:
    """The finding about a topic, from an error whose message says after a semicolon what to do."""
    detail, _, remedy = str(error).partition("; ")
    return failed(CHECK, name, detail, remedy or "make it as schemas/topics.yaml says")


async def check_topic(
    admin: AIOKafkaAdminClient, name: str, spec: TopicSpec, partitions: Sequence[dict[str, Any]] | None
) -> Finding:
    """Check one topic.

    Args:
        admin: A connected client.
        name: Its full name.
        spec: As it must be.
        partitions: As the brokers describe them; None if it does not exist.
    """
    if partitions is None:
        return failed(CHECK, name, "does not exist", _APPLY)
    try:
        await verify_topics(admin, {name: spec}, {name: list(partitions)})
    except TopicError as error:
        return topic_failure(name, error)
    detail = f"{counted(len(partitions), 'partition')}, {counted(len(partitions[0]['replicas']), 'replica')}"
    return judged(CHECK, name, replica_problems(partitions), detail, "bring the brokers back that are away")


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
