"""Bugs in the order of outcomes."""

from streams.delivery.executor import Job
from streams.delivery.lane import Lane
from tests.chaos.planted.patch import Patch


def acknowledge_out_of_order(patch: Patch) -> None:
    """Commit whatever is finished, past inputs that are not."""
    finished = Lane._finished

    async def any_done(self: Lane) -> bool:
        while not any(job.outcome for job in self._jobs):
            if not self._jobs and not self._open:
                return False
            self._changed.clear()
            await self._changed.wait()
        return True

    def finished_first(self: Lane) -> list[Job]:
        done = [job for job in self._jobs if job.outcome]
        undone = [job for job in self._jobs if not job.outcome]
        self._jobs.clear()
        self._jobs.extend([*done, *undone])
        return finished(self)

    patch(Lane, "_head_done", any_done)
    patch(Lane, "_finished", finished_first)


def order_by_time(patch: Patch) -> None:
    """Write the outcomes of a batch in the order of their inputs' timestamps."""
    write = Lane._commit

    async def commit(self: Lane, batch: list[Job]) -> None:
        in_time = sorted(batch, key=lambda job: job.item.record.timestamp_ms or 0)
        outcomes = [job.outcome for job in in_time]
        for job, outcome in zip(batch, outcomes, strict=True):
            job.outcome = outcome
        await write(self, batch)

    patch(Lane, "_commit", commit)
