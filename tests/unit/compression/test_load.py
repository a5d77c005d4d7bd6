"""The governor raises the pressure after a time of lateness, lowers it after a longer calm time, never oscillates."""

import pytest

from streams.compression import LoadGovernor, Pressure
from streams.compression.load import FALL_SECONDS, RISE_SECONDS

OBJECTIVE = 5.0


class Rig:
    """A governor with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.saturated = True
        self.governor = LoadGovernor(OBJECTIVE, lambda: self.now, lambda: self.saturated)

    def observe(self, behind: float, partition: int = 0, call: str = "call") -> None:
        self.governor.observe(behind, partition=partition, call=call)

    def feed(self, behind: float, seconds: float, every: float = 0.1, partition: int = 0) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += every
            self.observe(behind, partition)

    @property
    def steps(self) -> int:
        return self.governor.pressure.steps


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_in_time_there_is_no_pressure(rig: Rig) -> None:
    rig.feed(OBJECTIVE, 100)

    assert rig.governor.pressure == Pressure(0, 0)


def test_effort_goes_first_and_levels_afterwards(rig: Rig) -> None:
    seen = []
    for _ in range(7):
        rig.feed(60, RISE_SECONDS)
        seen.append(rig.governor.pressure)
    rig.feed(60, RISE_SECONDS)

    assert list(dict.fromkeys(seen)) in (
        [Pressure(n, 0) for n in (0, 1, 2, 3)] + [Pressure(3, 1), Pressure(3, 2)],
        [Pressure(n, 0) for n in (1, 2, 3)] + [Pressure(3, 1), Pressure(3, 2)],
    )
    assert rig.steps == 5


def test_a_burst_changes_nothing(rig: Rig) -> None:
    for _ in range(50):
        rig.feed(20, RISE_SECONDS / 2)
        rig.feed(1, RISE_SECONDS / 2)

    assert rig.steps == 0


def test_one_partition_behind_is_enough(rig: Rig) -> None:
    for _ in range(100):
        rig.feed(20, 0.1, partition=1)
        rig.feed(0, 0.1, partition=2)

    assert rig.steps == 5


def test_one_late_call_of_a_partition_does_not_decide(rig: Rig) -> None:
    for _ in range(300):
        rig.now += 0.1
        rig.observe(3600, call="of a wrong clock")
        rig.observe(0.1, call="another")

    assert rig.steps == 0


def test_a_majority_of_late_calls_of_a_partition_decides(rig: Rig) -> None:
    for _ in range(300):
        rig.now += 0.1
        for call in ("a", "b", "c"):
            rig.observe(20, call=call)
        rig.observe(-3600, call="of a wrong clock")

    assert rig.steps == 5


def test_a_worker_that_is_not_saturated_is_not_behind_whatever_the_ages_of_inputs(rig: Rig) -> None:
    rig.feed(20, 10 * RISE_SECONDS)
    assert rig.steps == 5
    rig.saturated = False
    rig.feed(20, 6 * FALL_SECONDS)

    assert rig.steps == 0


def test_late_inputs_before_a_pause_do_not_count_after_it(rig: Rig) -> None:
    rig.feed(20, 0.7)
    rig.now += 600
    rig.observe(0.1)

    assert rig.steps == 0


def test_late_inputs_far_apart_are_not_one_period_of_lateness(rig: Rig) -> None:
    for _ in range(10):
        rig.feed(20, 0.7)
        rig.now += 600

    assert rig.steps == 0


def test_clips_that_take_seconds_each_count_as_load(rig: Rig) -> None:
    rig.feed(20, 60, every=5)

    assert rig.steps == 5


def test_between_the_two_thresholds_nothing_changes(rig: Rig) -> None:
    rig.feed(20, 3 * RISE_SECONDS)
    reached = rig.steps
    rig.feed(0.8 * OBJECTIVE, 20 * FALL_SECONDS)

    assert rig.steps == reached > 0


def test_it_comes_back_down_step_by_step(rig: Rig) -> None:
    rig.feed(20, 10 * RISE_SECONDS)
    assert rig.steps == 5
    rig.feed(1, 0.9 * FALL_SECONDS)
    assert rig.steps == 5
    rig.feed(1, 2 * FALL_SECONDS)
    assert rig.steps in (2, 3)
    rig.feed(1, 4 * FALL_SECONDS)
    assert rig.steps == 0


def test_a_pause_counts_as_calm_once_the_work_is_in_time_again(rig: Rig) -> None:
    rig.feed(20, 10 * RISE_SECONDS)
    rig.now += 10 * FALL_SECONDS
    rig.observe(0.1)

    assert rig.steps == 0


def test_a_pause_with_late_work_after_it_is_an_outage(rig: Rig) -> None:
    rig.feed(20, 10 * RISE_SECONDS)
    rig.now += 10 * FALL_SECONDS
    rig.observe(100)

    assert rig.steps == 5


def test_a_single_late_input_after_a_pause_is_no_load(rig: Rig) -> None:
    rig.feed(1, 1)
    rig.now += 3600
    rig.observe(100)

    assert rig.steps == 0


def test_a_clock_ahead_of_ours_is_in_time(rig: Rig) -> None:
    rig.feed(-30, 60)

    assert rig.steps == 0
