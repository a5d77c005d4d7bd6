"""What the archive's group may commit: nothing that is not stored, or whose manifest would be missing after a crash."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from streams.archive.names import CallDay
from streams.archive.progress import ArchiveProgress
from streams.clients.handled import Commit

CALLS = [CallDay("seaside", date(2026, 11, 30), f"call-{number}") for number in range(3)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def offsets(progress: ArchiveProgress) -> dict[int, int]:
    return {partition: commit.offset for partition, commit in progress.commits().items()}


def test_the_commit_stays_before_results_without_a_manifest() -> None:
    progress = ArchiveProgress(quiet=10, longest=100, clock=Clock())
    progress.store(0, 4, [(7, CALLS[0], False), (8, CALLS[1], False), (9, CALLS[0], True)], 12)
    assert offsets(progress) == {4: 7}
    assert progress.due() == [(4, CALLS[0])]
    progress.write(0, 4, CALLS[0])
    assert offsets(progress) == {4: 8}
    progress.store(0, 4, [], 40)
    progress.write(0, 4, CALLS[1])
    assert offsets(progress) == {4: 40}


def test_a_manifest_is_due_after_quiet_and_after_the_longest_time() -> None:
    clock = Clock()
    progress = ArchiveProgress(quiet=10, longest=25, clock=clock)
    for clock.now in (0, 9, 18):
        progress.store(0, 0, [(int(clock.now), CALLS[0], False)], int(clock.now) + 1)
        assert progress.due() == []
    clock.now = 25
    assert progress.due() == [(0, CALLS[0])]
    progress.write(0, 0, CALLS[0])
    progress.store(0, 0, [(30, CALLS[1], False)], 31)
    clock.now = 35
    assert progress.due() == [(0, CALLS[1])]


def test_what_began_before_partitions_were_given_away_is_never_committed() -> None:
    progress = ArchiveProgress(clock=Clock())
    before = progress.epoch
    progress.forget()
    progress.resume(0, Commit(5))
    progress.store(before, 0, [(9, CALLS[0], True)], 10)
    progress.write(before, 0, CALLS[0])
    assert offsets(progress) == {0: 5}


def test_a_partition_that_was_read_before_its_commit_was_known_begins_there() -> None:
    progress = ArchiveProgress(clock=Clock())
    progress.store(progress.epoch, 0, [(9, CALLS[0], True)], 10)
    progress.resume(0, Commit(5))
    assert offsets(progress) == {0: 5}


@given(
    st.lists(st.tuples(st.sampled_from(CALLS), st.booleans(), st.booleans(), st.floats(0, 50)), min_size=1, max_size=40)
)
def test_every_result_before_the_commit_is_in_a_manifest(steps: list[tuple[CallDay, bool, bool, float]]) -> None:
    """A model: whatever is not in a manifest lies at the commit or behind it."""
    clock = Clock()
    progress = ArchiveProgress(quiet=10, longest=40, clock=clock)
    without: dict[int, CallDay] = {}
    for offset, (call, final, write, seconds) in enumerate(steps):
        clock.now += seconds
        progress.store(progress.epoch, 0, [(offset, call, final)], offset + 1)
        without[offset] = call
        if write:
            for _, due in progress.due():
                progress.write(progress.epoch, 0, due)
                without = {at: one for at, one in without.items() if one != due}
        committed = offsets(progress)[0]
        assert all(at >= committed for at in without)
        assert committed == min(without, default=offset + 1)
