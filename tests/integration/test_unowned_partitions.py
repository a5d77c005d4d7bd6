"""When a worker makes its group assign partitions again. No broker is needed: the snapshots are given."""

import itertools

from schemas.record import TopicPartition
from streams.kafka.lag import ClusterSnapshot, Lag
from streams.kafka.protocol.metadata import TopicMetadata
from streams.kafka.topology import Topology
from streams.runtime.unowned_partitions import UnownedPartitions

RAW, RESULTS = "audio.raw", "audio.compressed"


def topology(raw: int, results: int) -> Topology:
    numbers = {RAW: raw, RESULTS: results}
    found = {name: TopicMetadata(name.encode(), (1,) * number) for name, number in numbers.items() if number}
    return Topology([RAW], list(numbers), found)


def look(*owned: int, raw: int = 4, results: int = 4, waiting: int = 0) -> ClusterSnapshot:
    lags = {TopicPartition(RAW, partition): Lag(waiting) for partition in range(raw)}
    return ClusterSnapshot(
        topology(raw, results), lags, {TopicPartition(RAW, partition): "a worker" for partition in owned}
    )


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_orphan_is_seen_twice_before_anything_is_demanded() -> None:
    unowned = UnownedPartitions(Clock())
    assert not unowned.observe(look(0, 1, 2, 3))
    assert not unowned.observe(look(0, 1))
    assert unowned.partitions == {TopicPartition(RAW, 2), TopicPartition(RAW, 3)}
    assert unowned.observe(look(0, 1))


def test_orphans_that_change_are_a_rebalance_and_so_is_a_group_that_does_not_tell() -> None:
    unowned = UnownedPartitions(Clock())
    assert not unowned.observe(look(0, 1, 2))
    assert not unowned.observe(look(1, 2, 3))
    assert not unowned.observe(ClusterSnapshot(topology(4, 4), {}, None))
    assert not unowned.observe(look(1, 2, 3))
    assert unowned.observe(look(1, 2, 3))


def test_demands_that_do_not_help_become_rare() -> None:
    clock = Clock()
    unowned = UnownedPartitions(clock)
    demands = []
    for _ in range(400):
        if unowned.observe(look(0)):
            demands.append(clock.now)
        clock.now += 5
    pauses = [after - before for before, after in itertools.pairwise(demands)]
    assert pauses[:3] == [10, 20, 40]
    assert max(pauses) == 300
    unowned.observe(look(0, 1, 2, 3))
    unowned.observe(look(0))
    clock.now += 300
    assert unowned.observe(look(0))


def test_what_another_topic_lacks_is_nobodys_fault() -> None:
    unowned = UnownedPartitions(Clock())
    for _ in range(3):
        assert not unowned.observe(look(0, 1, raw=6, results=2, waiting=5))
        assert not unowned.have_records(look(0, 1, raw=6, results=2, waiting=5))
    assert topology(6, 2).servable == 2
    assert topology(6, 2).too_small == {RESULTS: 2}
    assert topology(6, 0).missing == [RESULTS]
    assert topology(6, 0).servable == 0


def test_an_orphan_with_records_is_told_from_an_empty_one() -> None:
    unowned = UnownedPartitions(Clock())
    unowned.observe(look(0, 1, 2))
    assert not unowned.have_records(look(0, 1, 2))
    assert unowned.have_records(look(0, 1, 2, waiting=1))
