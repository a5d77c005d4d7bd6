"""Readiness when a condition raises."""

import structlog

from streams.runtime.readiness import Readiness


def test_a_condition_that_raises_does_not_hold_and_hides_no_other() -> None:
    answers: list[bool] = []
    readiness = Readiness({"recovered": lambda: True, "assigned": lambda: answers[0]})
    with structlog.testing.capture_logs() as lines:
        assert [readiness.now() for _ in range(3)] == [{"recovered": True, "assigned": False}] * 3
        answers.append(True)
        assert readiness.holds("assigned")
    assert [(line["event"], line["condition"]) for line in lines] == [("condition_failed", "assigned")]
    assert list(readiness) == ["recovered", "assigned"]
