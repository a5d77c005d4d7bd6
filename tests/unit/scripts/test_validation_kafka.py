"""What a validation says of topics, consumer group and lag."""

from typing import Any

import pytest

from schemas.record import TopicPartition
from scripts.validation.finding import Status
from scripts.validation.group import judge_lag, judge_members, judge_owners
from scripts.validation.topics import judge_partitions, replica_problems
from streams.kafka.lag import ClusterSnapshot
from streams.kafka.protocol.metadata import TopicMetadata
from streams.kafka.topology import Topology


@pytest.mark.parametrize(
    ("members", "least", "exactly", "detail"),
    [
        (3, 2, None, None),
        (3, 0, 3, None),
        (None, 1, None, "the group rebalances"),
        (0, 0, None, "0 members and at least 1 worker"),
        (1, 2, None, "1 member and at least 2 workers"),
        (4, 2, 3, "4 members for 3 workers"),
    ],
)
def test_members_are_as_many_as_workers(members: int | None, least: int, exactly: int | None, detail: str) -> None:
    finding = judge_members(members, least, exactly)
    assert finding.status is (Status.FAILED if detail else Status.PASSED)
    assert finding.detail == (detail or "stable, 3 members")


def snapshot(owners: dict[TopicPartition, str] | None) -> ClusterSnapshot:
    known = {"audio.raw": TopicMetadata(b"", (1, 1, 1))}
    return ClusterSnapshot(Topology(["audio.raw"], ("audio.raw",), known), {}, owners)


def owned(*partitions: int) -> dict[TopicPartition, str]:
    return {TopicPartition("audio.raw", one): "worker" for one in partitions}


def test_partitions_without_an_owner_are_named() -> None:
    assert judge_owners(snapshot(owned(0, 1, 2))).status is Status.PASSED
    assert judge_owners(snapshot(owned(1))).detail == "partitions without an owner: audio.raw-0, audio.raw-2"
    assert judge_owners(snapshot(None)).detail == "the group rebalances"


def test_lag_above_the_objective_names_the_partitions() -> None:
    assert judge_lag({0: 0.0, 1: 4.9}, 5.0).detail == "4.9 s, objective 5 s"
    late = judge_lag({0: 5.1, 1: 0.0, 2: None}, 5.0)
    assert (late.status, late.detail) == (Status.FAILED, "above 5 s in partition 0: 5.1 s, 2: unknown")


def test_topics_that_belong_together_have_as_many_partitions() -> None:
    assert judge_partitions({"a": 8, "b": 8}).status is Status.PASSED
    different = judge_partitions({"a": 8, "b": 60})
    assert different.detail == "they differ: a has 8, b has 60"
    assert different.remedy.endswith("--partitions 60")


def test_partitions_without_a_leader_or_a_replica_are_named() -> None:
    def partition(number: int, leader: int, isr: list[int]) -> dict[str, Any]:
        return {"partition": number, "leader": leader, "replicas": [1, 2, 3], "isr": isr}

    assert replica_problems([partition(0, 1, [1, 2, 3])]) == []
    assert replica_problems([partition(0, -1, [1]), partition(1, 1, [1, 2, 3])]) == [
        "no leader: partitions 0",
        "replicas are not in sync: partitions 0",
    ]
