"""Deployments on a system in memory: how they end, and that a kill at any point changes nothing about it."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from scripts.deployment.driver import Ending, ExitCode, deploy
from scripts.deployment.errors import DeploymentError, LockedError
from scripts.deployment.record import Record, Step
from scripts.deployment.target import Request
from tests.unit.scripts.deployment.memory import NEW, OLD, Killed, MemoryTarget, System

REQUEST = Request("local", NEW.image, rollback=True, timeout=10.0)


def run(
    system: System, request: Request = REQUEST, *, dry_run: bool = False, tell: Callable[[str], object] = str
) -> Ending:
    wanted = replace(NEW, image=request.image)
    return deploy(MemoryTarget(system, wanted), request, tell, dry_run=dry_run)


def test_a_healthy_version_replaces_the_one_before_worker_by_worker() -> None:
    system = System()
    ending = run(system)
    assert ending.code == ExitCode.DONE
    assert list(system.workers.values()) == [NEW] * 3
    assert (system.services, system.topics) == (NEW, True)
    assert system.fewest == 3, "a new worker is there before an old one goes"
    assert ending.record is not None
    assert [one.step for one in ending.record.finished] == ["services", "topics", "workers", "validation"]
    assert ending.record.running == NEW


def test_the_same_version_again_is_nothing_to_do() -> None:
    system = System()
    run(system)
    effects = system.effects
    ending = run(system)
    assert (ending.code, ending.record) == (ExitCode.DONE, None)
    assert system.effects == effects


def crashing() -> System:
    return System(crashing=frozenset({NEW}))


def refusing() -> System:
    return System(refusing=frozenset({NEW}))


@pytest.mark.parametrize(("broken", "step"), [(crashing, Step.WORKERS), (refusing, Step.VALIDATION)])
def test_a_broken_version_is_replaced_by_the_one_before(broken: Callable[[], System], step: Step) -> None:
    system = broken()
    ending = run(system)
    assert ending.code == ExitCode.ROLLED_BACK
    assert list(system.workers.values()) == [OLD] * 3
    assert system.services == OLD
    assert ending.record is not None
    assert [one.step for one in ending.record.finished if not one.ok] == [step]
    assert ending.record.running == OLD


def test_a_version_that_crashes_stops_no_worker() -> None:
    system = crashing()
    run(system)
    assert list(system.workers) == ["old-0", "old-1", "old-2"]
    assert system.fewest == 3


def test_without_rollback_what_runs_is_left_as_it_is() -> None:
    system = refusing()
    ending = run(system, replace(REQUEST, rollback=False))
    assert ending.code == ExitCode.NOT_ROLLED_BACK
    assert list(system.workers.values()) == [NEW] * 3


def test_a_first_deployment_has_nothing_to_go_back_to() -> None:
    system = System(workers={}, services=None, refusing=frozenset({NEW}))
    assert run(system).code == ExitCode.NOT_ROLLED_BACK
    system = System(workers={}, services=None)
    assert run(system).code == ExitCode.DONE
    assert list(system.workers.values()) == [NEW] * 3


def test_a_rollback_that_fails_is_tried_again_by_the_next_command() -> None:
    system = System(refusing=frozenset({NEW}), crashing=frozenset({OLD}))
    assert run(system).code == ExitCode.ROLLBACK_FAILED
    system.crashing = frozenset()
    ending = run(system)
    assert (ending.code, ending.resumed) == (ExitCode.ROLLED_BACK, True)
    assert list(system.workers.values()) == [OLD] * 3


@pytest.mark.parametrize("broken", [System, crashing, refusing])
def test_killed_after_any_effect_it_comes_to_the_same_end_when_run_again(broken: Callable[[], System]) -> None:
    undisturbed = broken()
    end = run(undisturbed)
    assert undisturbed.effects > 8
    for kill_at in range(1, undisturbed.effects + 1):
        system = broken()
        system.kill_at = kill_at
        with pytest.raises(Killed):
            run(system)
        ending = run(system)
        if kill_at == undisturbed.effects:  # everything was done, but its end was not told
            assert ending.code in {ExitCode.DONE, end.code}
        else:
            assert (kill_at, ending.code) == (kill_at, end.code)
        assert list(system.workers.values()) == list(undisturbed.workers.values())
        assert system.services == undisturbed.services
        assert Record.from_json(system.record or "").step == Record.from_json(undisturbed.record or "").step


def test_an_interrupted_deployment_of_another_version_is_finished_first() -> None:
    system = System(kill_at=4)
    with pytest.raises(Killed):
        run(system)
    before = dict(system.workers)
    with pytest.raises(DeploymentError, match=f"AUDIO_IMAGE={NEW.image}"):
        run(system, replace(REQUEST, image="hotel-audio:3"))
    assert system.workers == before


def test_a_failed_check_changes_nothing() -> None:
    system = System(refused=True)
    ending = run(system)
    assert (ending.code, ending.record, system.effects) == (ExitCode.REFUSED, None, 0)
    assert [check.ok for check in ending.checks] == [True, False]


def test_a_dry_run_changes_nothing_and_tells_the_plan() -> None:
    system = System()
    ending = run(system, dry_run=True)
    assert (ending.code, system.effects, system.record) == (ExitCode.DONE, 0, None)
    assert ending.record is not None
    assert (ending.record.before, ending.record.after, ending.record.workers) == (OLD, NEW, 3)


def test_two_at_once_are_refused() -> None:
    with pytest.raises(LockedError):
        run(System(locked=True))


def test_no_secret_is_told_or_recorded() -> None:
    told: list[str] = []
    for broken in (crashing, refusing):
        system = broken()
        ending = run(system, tell=told.append)
        assert "s3cret" not in "".join(told)
        assert "s3cret" not in (system.record or "")
        assert "s3cret" not in str(ending)
    assert any("***" in line for line in told)
