"""What a run adds up to."""

from tests.chaos.verdict import Injected, Problem, RoundVerdict, Totals


def kill(recovery_s: float | None, *, alone: bool = True, name: str = "worker-kill") -> Injected:
    return Injected(name, "worker-0", 0.0, 0.0, recovery_s, alone)


def verdict(*faults: Injected, problems: tuple[Problem, ...] = (), aborted: int = 0) -> RoundVerdict:
    return RoundVerdict(0, 150, faults, problems, aborted, 15.0)


def totals(*verdicts: RoundVerdict) -> Totals:
    added = Totals()
    for one in verdicts:
        added.add(one)
    return added


def test_problems_are_counted_by_kind() -> None:
    found = totals(
        verdict(problems=(Problem("lost", "a"), Problem("lost", "b"))), verdict(problems=(Problem("table", "c"),))
    )
    figures = found.as_json()

    assert (figures["rounds"], figures["inputs"], figures["lost"], figures["duplicated"]) == (2, 300, 2, 0)
    assert figures["other_problems"]["table"] == 1
    assert not found.exact
    assert totals(verdict()).exact


def test_a_run_that_aborted_nothing_has_hit_nothing() -> None:
    assert not totals(verdict()).hit
    assert totals(verdict(), verdict(aborted=3)).hit


def test_recovery_at_the_top_is_of_workers_killed_alone() -> None:
    found = totals(
        verdict(kill(3.0)), verdict(kill(5.0)), verdict(kill(4.0), kill(9.0, name="broker-kill")),
        verdict(kill(30.0, alone=False), kill(None)),
    ).as_json()  # fmt: skip

    assert (found["recovery_s_p50"], found["recovery_s_max"]) == (4.0, 5.0)
    assert found["worker_kill_recoveries_s"] == [3.0, 5.0, 4.0]
    assert found["faults"]["worker-kill"]["count"] == 5
    assert found["faults"]["worker-kill"]["recovery_s_max_combined"] == 30.0
    assert found["faults"]["broker-kill"]["recovery_s_p50"] == 9.0


def test_without_kills_there_is_no_recovery_to_tell() -> None:
    assert totals(verdict(kill(2.0, name="network-cut"))).as_json()["recovery_s_p50"] is None
