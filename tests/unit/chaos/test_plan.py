"""The same seed gives the same rounds, and every fault has its turn."""

from collections import Counter
from itertools import pairwise

from tests.chaos.damage import BAD
from tests.chaos.faults import FAULTS
from tests.chaos.plan import Planner, RoundPlan
from tests.chaos.records import PARTITIONS
from tests.chaos.workload import calls, partition_of


def described(plan: RoundPlan) -> object:
    faults = [(at, fault.name, fault.lasts) for at, fault in plan.faults]
    return faults, plan.due, [(one.message, one.bad, one.skew_ms) for one in plan.inputs]


def test_the_same_seed_gives_the_same_rounds() -> None:
    first, again, other = (Planner(seed, list(FAULTS)) for seed in (1, 1, 2))

    assert described(first.plan(5)) == described(again.plan(5))
    assert described(first.plan(5)) != described(other.plan(5))
    assert described(first.plan(5)) != described(first.plan(6))


def test_every_fault_has_its_turn_before_any_has_a_second_one() -> None:
    planner = Planner(3, list(FAULTS))
    laps = [[planner._gate(lap * len(FAULTS) + at) for at in range(len(FAULTS))] for lap in range(2)]  # noqa: SLF001

    assert sorted(laps[0]) == sorted(laps[1]) == sorted(FAULTS)
    assert laps[0] != laps[1]


def test_rounds_have_one_to_three_faults() -> None:
    planner = Planner(4, list(FAULTS))

    assert {len(planner.plan(number).faults) for number in range(12)} == {1, 2, 3}


def test_every_fault_hits_a_burst() -> None:
    plan = Planner(5, list(FAULTS)).plan(0)

    for at, _ in plan.faults:
        assert sum(at - 0.2 < due < at for due in plan.due) >= 16
    assert list(plan.due) == sorted(plan.due)


def test_every_partition_has_calls_at_any_time() -> None:
    inputs = calls(400, seed=5)
    for start in range(0, 400 - 24, 8):
        heard = {partition_of(one.call_id.encode()) for one in inputs[start : start + 24]}
        assert heard == set(range(PARTITIONS))


def test_a_workload_has_everything_that_happens() -> None:
    inputs = calls(3000, seed=6)
    kinds = Counter(one.sample.content_type.partition(";")[0] for one in inputs if one.sample)
    sizes = [len(one.sample.audio) for one in inputs if one.sample]

    assert len(kinds) == 9
    assert min(sizes) == 165  # five frames of GSM
    assert max(sizes) > 4_000_000
    assert {one.bad for one in inputs} == {*BAD, None}
    assert 0.03 < sum(one.bad is not None for one in inputs) / len(inputs) < 0.07
    assert any(first is second for first, second in pairwise(inputs))
    assert any(one.skew_ms < 0 for one in inputs)


def test_a_calls_numbers_only_grow() -> None:
    last: dict[str, int] = {}
    for one in calls(1000, seed=7):
        assert one.sequence >= last.get(one.call_id, 0)
        last[one.call_id] = one.sequence


def test_every_partition_has_an_input_in_vain_at_the_beginning_of_a_round() -> None:
    plan = Planner(8, list(FAULTS)).plan(2)

    assert {partition_of(one.call_id.encode()) for one in plan.aborted} == set(range(PARTITIONS))
    assert {one.call_id for one in plan.aborted}.isdisjoint(one.call_id for one in plan.inputs)
