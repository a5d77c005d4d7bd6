"""When a worker commits; time passes only when a test lets it."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from streams.delivery.commit_policy import (
    COMMIT_INTERVAL,
    MAX_COMMIT_INTERVAL,
    MAX_COMMIT_SHARE,
    MAX_TRANSACTION_BYTES,
    CommitPolicy,
)

NOW = 1000.0


@dataclass
class Worker:
    """A worker's workload and clock."""

    load: float = 0.0
    records: int = 0
    waits_for_commits: bool = False
    now: float = NOW

    def time(self) -> float:
        return self.now


@pytest.fixture
def worker() -> Worker:
    return Worker()


@pytest.fixture
def policy(worker: Worker) -> CommitPolicy:
    return CommitPolicy(worker, worker.time)


def commit(worker: Worker, policy: CommitPolicy, *, seconds: float = 0.001, size: int = 0) -> float:
    """Commit one transaction; returns when it started."""
    started = worker.now
    policy.transaction_started()
    worker.now += seconds
    policy.transaction_ended(size)
    return started


def commits_at(worker: Worker, policy: CommitPolicy) -> float:
    """Wait as the policy says, with nothing else happening; returns when it commits."""
    for _ in range(10):
        deadline = policy.wait_until()
        if deadline is None:
            return worker.now
        worker.now = deadline
    pytest.fail("the policy goes on waiting")


@pytest.mark.parametrize("load", [0.0, 0.5, 1.0])
def test_the_first_record_does_not_wait(load: float, worker: Worker, policy: CommitPolicy) -> None:
    worker.load, worker.records = load, 10
    assert policy.wait_until() is None


@pytest.mark.parametrize("load", [0.0, 0.5, 1.0])
def test_the_first_record_after_a_pause_does_not_wait(load: float, worker: Worker, policy: CommitPolicy) -> None:
    commit(worker, policy, seconds=10.0)
    worker.now += MAX_COMMIT_INTERVAL
    worker.load, worker.records = load, 10
    assert policy.wait_until() is None


def test_there_is_at_most_one_transaction_per_interval(worker: Worker, policy: CommitPolicy) -> None:
    started = commit(worker, policy)
    assert policy.wait_until() == started + COMMIT_INTERVAL
    worker.now = started + COMMIT_INTERVAL - 0.001
    assert policy.wait_until() == started + COMMIT_INTERVAL
    worker.now = started + COMMIT_INTERVAL
    assert policy.wait_until() is None


@pytest.mark.parametrize("load", [0.1, 0.5, 1.0])
def test_the_interval_grows_with_the_load(load: float, worker: Worker, policy: CommitPolicy) -> None:
    worker.load = load
    started = commit(worker, policy)
    assert commits_at(worker, policy) == started + load * MAX_COMMIT_INTERVAL


def test_the_interval_follows_the_load_while_waiting(worker: Worker, policy: CommitPolicy) -> None:
    worker.load = 0.4
    started = commit(worker, policy)
    assert policy.wait_until() == started + 0.4 * MAX_COMMIT_INTERVAL
    worker.load = 0.8
    assert policy.wait_until() == started + 0.8 * MAX_COMMIT_INTERVAL
    worker.now = started + 0.3 * MAX_COMMIT_INTERVAL
    assert not policy.is_stage_over()
    worker.load = 0.2
    assert policy.is_stage_over()
    assert policy.wait_until() is None


def test_load_that_rises_later_does_not_prolong_the_wait(worker: Worker, policy: CommitPolicy) -> None:
    worker.records = 10
    started = commit(worker, policy, seconds=0.02)
    end = started + 0.02 / MAX_COMMIT_SHARE
    assert policy.wait_until() == end  # no load: only the share of time in commits counts
    worker.load = 1.0
    assert policy.wait_until() == end


def test_commits_take_a_third_of_the_time_at_most(worker: Worker, policy: CommitPolicy) -> None:
    worker.records = 10
    started = commit(worker, policy, seconds=0.05)
    assert commits_at(worker, policy) - started == pytest.approx(3 * 0.05)


def test_a_slow_transaction_holds_the_next_one_back_for_the_longest_interval_at_most(
    worker: Worker, policy: CommitPolicy
) -> None:
    worker.records = 10
    started = commit(worker, policy, seconds=0.2)
    assert commits_at(worker, policy) == started + MAX_COMMIT_INTERVAL


def test_the_share_of_commits_does_not_matter_when_no_record_could_join(worker: Worker, policy: CommitPolicy) -> None:
    worker.records = 1
    commit(worker, policy, seconds=0.05)
    assert policy.wait_until() is not None
    assert not policy.is_stage_over()
    worker.records = 0
    assert policy.is_stage_over()
    assert policy.wait_until() is None


def test_the_interval_holds_even_when_no_record_could_join(worker: Worker, policy: CommitPolicy) -> None:
    started = commit(worker, policy)
    assert worker.records == 0
    assert commits_at(worker, policy) == started + COMMIT_INTERVAL


def test_enough_bytes_are_committed_at_once(worker: Worker, policy: CommitPolicy) -> None:
    worker.load, worker.records = 1.0, 50
    commit(worker, policy)
    policy.record_finished(MAX_TRANSACTION_BYTES - 1)
    assert not policy.is_stage_over()
    assert policy.wait_until() is not None
    policy.record_finished(1)
    assert policy.is_stage_over()
    assert policy.wait_until() is None


def test_committed_bytes_no_longer_count(worker: Worker, policy: CommitPolicy) -> None:
    worker.load = 1.0
    policy.record_finished(MAX_TRANSACTION_BYTES + 100)
    commit(worker, policy, size=MAX_TRANSACTION_BYTES)
    assert policy.wait_until() is not None
    policy.record_finished(MAX_TRANSACTION_BYTES - 101)
    assert policy.wait_until() is not None
    policy.record_finished(1)
    assert policy.wait_until() is None


def test_a_reader_that_waits_for_bytes_gets_them_at_once_when_nothing_is_processed(
    worker: Worker, policy: CommitPolicy
) -> None:
    worker.load, worker.records, worker.waits_for_commits = 0.5, 25, True
    commit(worker, policy)
    assert policy.wait_until() is not None  # records are being processed: they may join
    worker.records = 0
    assert policy.is_stage_over()
    assert policy.wait_until() is None


def close(policy: CommitPolicy) -> None:
    policy.close()


def fill(policy: CommitPolicy) -> None:
    policy.record_finished(MAX_TRANSACTION_BYTES)


@pytest.mark.parametrize("event", [close, fill])
@pytest.mark.parametrize("seconds_waited", [0.0, 0.005, 0.05, 0.2])
def test_no_stage_outlasts_a_reason_to_commit_at_once(
    event: Callable[[CommitPolicy], None], seconds_waited: float, worker: Worker, policy: CommitPolicy
) -> None:
    worker.records = 10
    commit(worker, policy, seconds=0.08)
    worker.now += seconds_waited
    policy.wait_until()
    event(policy)
    assert policy.is_stage_over()
    assert policy.wait_until() is None


@pytest.mark.parametrize(("load", "stages"), [(1.0, 1), (0.0, 1), (0.5, 2)])
def test_a_timer_that_fires_early_does_not_spin(load: float, stages: int, worker: Worker, policy: CommitPolicy) -> None:
    tick = 1e-9
    worker.load, worker.records = load, 10
    commit(worker, policy, seconds=0.07)
    for _ in range(stages):
        deadline = policy.wait_until()
        assert deadline is not None
        worker.now = deadline - tick
        assert not policy.is_stage_over()
        policy.timer_fired()
    assert policy.wait_until() is None


def test_a_timer_that_fires_while_the_load_rises_does_not_end_the_wait(worker: Worker, policy: CommitPolicy) -> None:
    worker.load = 0.5
    started = commit(worker, policy)
    worker.now = policy.wait_until() or 0.0
    worker.load = 0.6
    policy.timer_fired()
    assert policy.wait_until() == pytest.approx(started + 0.6 * MAX_COMMIT_INTERVAL)


def test_a_timer_of_one_transaction_does_not_shorten_the_wait_of_the_next(worker: Worker, policy: CommitPolicy) -> None:
    commit(worker, policy)
    worker.now = policy.wait_until() or 0.0
    policy.timer_fired()
    assert policy.wait_until() is None
    started = commit(worker, policy)
    assert commits_at(worker, policy) == started + COMMIT_INTERVAL
