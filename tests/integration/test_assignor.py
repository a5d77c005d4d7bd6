"""Assignment of partitions. No broker is needed: the leader decides from the members' metadata."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

from streams.engine.assignor import LaneAssignor
from streams.runtime.settings import Settings
from streams.runtime.wiring import Runtime, create_runtime

RAW, TABLE = "audio.raw", "hotel-audio-audio-cache-changelog"
Shares = dict[str, tuple[set[int], set[int]]]
NOTHING: tuple[set[int], set[int]] = (set(), set())


def fail(error: BaseException) -> None:
    raise error


@pytest.fixture
async def runtime(tmp_path: Path) -> Runtime:
    return create_runtime(Settings(state_dir=tmp_path), "member", fail)


def assignor(runtime: Runtime) -> LaneAssignor:
    found = runtime.app.assignor
    assert isinstance(found, LaneAssignor)
    return found


def told(shares: tuple[set[int], set[int]]) -> ConsumerProtocolMemberMetadata:
    """A member's metadata: its partitions, and its replicas of table partitions."""
    active, standby = (sorted(partitions) for partitions in shares)
    has = ClientAssignment(actives={RAW: active, TABLE: active}, standbys={RAW: standby, TABLE: standby})
    metadata = ClientMetadata(assignment=has, url="http://worker:6066", changelog_distribution={})
    return ConsumerProtocolMemberMetadata(4, [RAW, TABLE], metadata.dumps())


def divide(runtime: Runtime, partitions: int, have: Mapping[str, tuple[set[int], set[int]]]) -> Shares:
    """Let the leader assign partitions to workers that have some already."""
    runtime.partitions.servable = partitions
    leader = assignor(runtime)
    members = {name: told(shares) for name, shares in have.items()}
    found: Shares = {}
    for name, answer in leader.assign(ClusterMetadata(), members).items():
        given = ClientMetadata.loads(leader._decompress(answer.user_data)).assignment  # noqa: SLF001  as members do
        assert set(given.actives.get(RAW, ())) == set(given.actives.get(TABLE, ()))
        found[name] = set(given.actives.get(RAW, ())), set(given.standbys.get(TABLE, ()))
    return found


def test_a_spare_worker_gets_a_replica_so_that_it_can_take_over(runtime: Runtime) -> None:
    shares = divide(runtime, 2, {"one": ({0}, {1}), "two": ({1}, {0}), "spare": NOTHING})
    assert shares["one"][0] | shares["two"][0] == {0, 1}
    assert shares["spare"][0] == set()
    (replica,) = shares["spare"][1]
    owner = next(name for name, (active, _) in shares.items() if replica in active)
    after = divide(runtime, 2, {name: had for name, had in shares.items() if name != owner})
    assert after["spare"][0] == {replica}


def test_with_more_spare_workers_than_replicas_some_have_nothing(runtime: Runtime) -> None:
    shares = divide(runtime, 2, dict.fromkeys(("a", "b", "c", "d", "e"), NOTHING))
    assert sorted(len(active) for active, _ in shares.values()) == [0, 0, 0, 1, 1]
    assert sorted(len(standby) for _, standby in shares.values()) == [0, 0, 0, 1, 1]
    assert sum(1 for both in shares.values() if both == NOTHING) <= 1


def test_sixty_partitions_are_divided_equally_while_workers_come_and_go(runtime: Runtime) -> None:
    shares: Shares = dict.fromkeys(map(str, range(6)), NOTHING)
    for workers in (6, 12, 9, 50, 64, 9):
        names = list(map(str, range(workers)))
        shares = divide(runtime, 60, {name: shares.get(name, NOTHING) for name in names})
        sizes = [len(active) for active, _ in shares.values()]
        assert sorted(partition for active, _ in shares.values() for partition in active) == list(range(60))
        assert max(sizes) - min(sizes) <= 1, workers
        spares = [standby for active, standby in shares.values() if not active]
        assert len(spares) == max(workers - 60, 0)
        assert all(spares)


def test_only_what_can_be_served_is_divided_and_what_is_gone_is_taken_away(runtime: Runtime) -> None:
    shares = divide(runtime, 4, {"one": ({0, 1}, set()), "two": NOTHING})
    assert sorted(len(active) for active, _ in shares.values()) == [2, 2]
    grown = divide(runtime, 6, shares)
    assert set.union(*(active for active, _ in grown.values())) == set(range(6))
    assert all(grown[name][0] > had for name, (had, _) in shares.items())
    again = divide(runtime, 2, grown)
    assert sorted(partition for active, _ in again.values() for partition in active) == [0, 1]
    assert divide(runtime, 0, again) == {"one": NOTHING, "two": NOTHING}


def test_a_demand_changes_what_a_worker_tells_and_nothing_that_others_read(runtime: Runtime) -> None:
    worker = assignor(runtime)
    before = worker.metadata({RAW})
    assert worker.metadata({RAW}).user_data == before.user_data
    worker.request_reassignment()
    after = worker.metadata({RAW})
    assert after.user_data != before.user_data
    assert ClientMetadata.loads(after.user_data).assignment == ClientMetadata.loads(before.user_data).assignment
