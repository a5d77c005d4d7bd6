"""The bench of TLS and SCRAM takes the rounds of both workers in pairs, and sends both the same."""

from dataclasses import replace

from scripts.benchmarks.transport.measure import Costs, events


def test_what_is_added_is_the_median_of_the_rounds_differences() -> None:
    assert Costs([100.0, 300.0, 120.0], [180.0, 390.0, 1000.0]).added == 90.0


def test_both_workers_get_the_same_records_and_none_twice() -> None:
    first, second = list(events(3, 20)), list(events(3, 20))
    assert [replace(one, time=None) for one in first] == [replace(one, time=None) for one in second]
    assert len({one.audio for one in first}) == len({one.id for one in first}) == 20
    assert {len(one.audio) for one in first} == {32_000}
    assert {one.audio for one in first}.isdisjoint(one.audio for one in events(4, 20))
