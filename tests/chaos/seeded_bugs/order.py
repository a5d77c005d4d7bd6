"""Bugs in the order of outcomes."""

from collections.abc import Sequence

from streams.delivery.lane import Finished, Lane
from streams.delivery.transactions import Batch
from tests.chaos.seeded_bugs.patch import Patch


def acknowledge_out_of_order(patch: Patch) -> None:
    """Commit finished outcomes past unfinished inputs."""
    processed = Lane._processed

    def finished_first(self: Lane) -> None:
        done = [job for job in self._jobs if job.outcome]
        undone = [job for job in self._jobs if not job.outcome]
        self._jobs.clear()
        self._jobs.extend([*done, *undone])
        processed(self)

    patch(Lane, "_processed", finished_first)


def order_by_size(patch: Patch) -> None:
    """Write the outcomes of a batch in the order of their inputs' sizes, smallest first."""
    prepare = Lane.prepare

    def by_size(self: Lane, batch: Sequence[Finished]) -> Batch:
        jumbled = prepare(self, sorted(batch, key=lambda done: done.job.record.size))
        return jumbled._replace(next_offset=batch[-1].job.record.next_offset)

    patch(Lane, "prepare", by_size)
