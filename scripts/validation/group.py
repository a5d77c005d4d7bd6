"""Checks the workers' consumer group: its members, the owners of the partitions, and the lag."""

import asyncio
import time
from collections.abc import Mapping

from aiokafka.errors import KafkaError

from schemas.record import TopicPartition
from schemas.topics import copartitioned, inputs
from scripts.cli import Cluster, counted
from scripts.validation.finding import Finding, Status, judged
from streams.kafka.connected_client import connected_client
from streams.kafka.lag import ClusterSnapshot, LagReader
from streams.kafka.protocol.group_owners import fetch_member_hosts

CHECK = "group"
_PAUSE = 0.5  # seconds between two looks


async def check_group(
    cluster: Cluster, least: int, exactly: int | None, objective: float, patience: float
) -> list[Finding]:
    """Check the group, and give what is not settled some time.

    Args:
        cluster: Its topics and group.
        least: Number of workers that are known.
        exactly: Number of workers that there have to be; None accepts more than `least`.
        objective: Greatest lag in seconds.
        patience: Seconds for a rebalance to end, and for lag to shrink.

    Raises:
        aiokafka.errors.KafkaError: If the brokers do not answer, or refuse.
        TimeoutError: If they do not answer in time.
    """
    until = time.monotonic() + patience
    names = (cluster.prefix, cluster.group)
    reader = LagReader(cluster.connection, cluster.group, copartitioned(*names), inputs(*names))
    try:
        while True:
            try:
                findings = await _look(cluster, reader, least, exactly, objective)
            except (TimeoutError, KafkaError):
                if time.monotonic() > until:
                    raise
            else:
                if all(one.status is Status.PASSED for one in findings) or time.monotonic() > until:
                    return findings
            await asyncio.sleep(_PAUSE)
    finally:
        await reader.close()


async def _look(
    cluster: Cluster, reader: LagReader, least: int, exactly: int | None, objective: float
) -> list[Finding]:
    snapshot, members = await reader.read(), await _members(cluster)
    return [
        judge_members(members, least, exactly),
        judge_owners(snapshot),
        judge_lag(_ages(snapshot), objective),
    ]


def judge_members(members: int | None, least: int, exactly: int | None) -> Finding:
    """Whether the group is stable and has as many members as there are workers.

    Args:
        members: Their number; None while the group rebalances.
        least: Number of workers that are known.
        exactly: Number of workers that there have to be; None accepts more than `least`.
    """
    problems = []
    if members is None:
        problems.append("the group rebalances")
    elif exactly is not None and members != exactly:
        problems.append(f"{counted(members, 'member')} for {counted(exactly, 'worker')}")
    elif members < max(least, 1):
        problems.append(f"{counted(members, 'member')} and at least {counted(max(least, 1), 'worker')}")
    detail = f"stable, {counted(members or 0, 'member')}"
    return judged(CHECK, "members", problems, detail, "start the workers that are missing; read the others' logs")


def judge_owners(snapshot: ClusterSnapshot) -> Finding:
    """Whether each partition of the inputs has an owner."""
    topology = snapshot.topology
    partitions = [TopicPartition(topic, one) for topic in topology.inputs for one in range(topology.count(topic))]
    owners = snapshot.owners
    if owners is None:
        return judged(CHECK, "owners", ["the group rebalances"], "", "wait, or read the workers' logs")
    without = [f"{one.topic}-{one.partition}" for one in partitions if one not in owners]
    problems = [f"partitions without an owner: {', '.join(without)}"] if without else []
    detail = f"of all {len(partitions)} partitions"
    return judged(CHECK, "owners", problems, detail, "start workers; ./scripts/lag shows the owners")


def judge_lag(ages: Mapping[int, float | None], objective: float) -> Finding:
    """Whether the lag of each partition is below the objective.

    Args:
        ages: Age of the oldest waiting record in seconds, by partition; None where it is not known.
        objective: Greatest age in seconds.
    """
    late = [
        f"{one}: {'unknown' if age is None else f'{age:.1f} s'}" for one, age in ages.items() if _late(age, objective)
    ]
    worst = max((age for age in ages.values() if age is not None), default=0.0)
    problems = [f"above {objective:g} s in partition {', '.join(late)}"] if late else []
    detail = f"{worst:.1f} s, objective {objective:g} s"
    return judged(CHECK, "lag", problems, detail, "start more workers; docs/LAG.md")


def _late(age: float | None, objective: float) -> bool:
    return age is None or age > objective


def _ages(snapshot: ClusterSnapshot) -> dict[int, float | None]:
    now = time.time()
    live = snapshot.topology.inputs[0]
    return {tp.partition: lag.seconds(now) for tp, lag in sorted(snapshot.lags.items()) if tp.topic == live}


async def _members(cluster: Cluster) -> int | None:
    async with connected_client(cluster.connection) as client:
        hosts = await fetch_member_hosts(client, cluster.group)
    return None if hosts is None else len(hosts)
