import pytest
from aiokafka import TopicPartition

from streams.clients.group_membership import is_added
from streams.clients.handled import Commit, ResultProgress
from streams.clients.quiet_times import QuietTimes

STARTED = Commit(7, "started/8")
READ = Commit(9)


@pytest.mark.parametrize(
    ("partition", "committed", "added"),
    [
        (0, {}, False),  # the group is new
        (1, {0: STARTED}, False),  # another consumer of the new group was faster
        (8, {0: STARTED, 1: STARTED}, True),  # the topic has grown, though nothing was read yet
        (8, {0: STARTED, 1: READ}, True),
        (1, {0: Commit(3, "calls/1 0123456789ab2")}, True),
    ],
)
def test_partitions_that_are_new_to_a_group_are_told_from_a_new_group(
    partition: int, committed: dict[int, Commit], added: bool
) -> None:
    assert is_added(partition, committed) == added


def test_a_result_is_committed_when_it_is_handled_and_not_before() -> None:
    progress = ResultProgress()
    progress.give(3, 8)
    assert progress.commits() == {}
    progress.handled()
    progress.give(4, 1)
    assert progress.commits() == {3: Commit(8)}
    progress.forget()
    progress.handled()
    assert progress.commits() == {}


class Consumer:
    """Answers as aiokafka's consumer does."""

    def __init__(self) -> None:
        self.answers: dict[TopicPartition, int | None] = {TopicPartition("t", 0): None, TopicPartition("t", 1): 1000}

    def assignment(self) -> set[TopicPartition]:
        return set(self.answers)

    def last_poll_timestamp(self, place: TopicPartition) -> int | None:
        return self.answers[place]


def test_only_time_in_which_brokers_answer_that_there_is_nothing_is_quiet() -> None:
    consumer = Consumer()
    quiet = QuietTimes(consumer)
    assert dict(quiet.passed()) == {1: 0}
    assert dict(quiet.passed()) == {1: 0}  # no answer since
    consumer.answers[TopicPartition("t", 1)] = 1500
    assert dict(quiet.passed()) == {1: 500}
    quiet.interrupt(1)
    consumer.answers[TopicPartition("t", 1)] = 9000
    assert dict(quiet.passed()) == {1: 0}
