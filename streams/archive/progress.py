"""Which results are archived, which manifests are due, and what the archive's group may commit. Pure.

A call has a manifest as soon as it has its last segment, or has had none for a while. Until then, the group's offset
stays before the first result that no manifest has: whoever owns the partition after a crash reads it again, stores the
same bytes under the same names, and writes the manifest.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from streams.archive.names import CallDay
from streams.clients.handled import Commit

#: Seconds without a new result after which the manifest of a call is written, although no segment was the last one.
QUIET = 30.0
#: Seconds after which it is written while results still come: so much of the topic is read again after a crash.
LONGEST = 900.0
#: Calls without a manifest; beyond them the oldest one is written at once, so that memory is bounded.
_MOST_CALLS = 20_000


@dataclass(slots=True)
class _Unwritten:
    """A call whose manifest does not have all of its results."""

    first_offset: int
    since: float
    last: float
    ended: bool = False


class ArchiveProgress:
    """The `Progress` of the archive in its partitions.

    Args:
        quiet: Seconds without a result after which a manifest is due.
        longest: Seconds after which it is due in any case.
        clock: Returns monotonic seconds.

    Attributes:
        epoch: Changes when partitions are given away: what began before must not be committed after it.
    """

    def __init__(
        self, quiet: float = QUIET, longest: float = LONGEST, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._quiet = quiet
        self._longest = longest
        self._clock = clock
        self._next: dict[int, int] = {}
        self._unwritten: dict[int, OrderedDict[CallDay, _Unwritten]] = {}
        self.epoch = 0

    def store(self, epoch: int, partition: int, results: Iterable[tuple[int, CallDay, bool]], next_offset: int) -> None:
        """Note that results are in the stores.

        Args:
            epoch: The epoch in which they were read.
            partition: Their partition.
            results: Their offsets, calls, and whether they are the last of their calls, in the order of the topic.
            next_offset: The offset after the last record that was read.
        """
        if epoch != self.epoch:
            return
        calls = self._unwritten.setdefault(partition, OrderedDict())
        now = self._clock()
        for offset, call, final in results:
            one = calls.setdefault(call, _Unwritten(offset, now, now))
            one.last = now
            one.ended = one.ended or final
        self._next[partition] = next_offset

    def due(self) -> list[tuple[int, CallDay]]:
        """The manifests to write now, with their partitions, the oldest ones first."""
        now = self._clock()
        found = [
            (one.since, partition, call)
            for partition, calls in self._unwritten.items()
            for place, (call, one) in enumerate(calls.items())
            if one.ended
            or now - one.last >= self._quiet
            or now - one.since >= self._longest
            or place < len(calls) - _MOST_CALLS
        ]
        return [(partition, call) for _, partition, call in sorted(found)]

    def write(self, epoch: int, partition: int, call: CallDay) -> None:
        """Note that a manifest has all results of a call that are stored."""
        if epoch == self.epoch:
            self._unwritten.get(partition, OrderedDict()).pop(call, None)

    def handled(self) -> None:
        """See `Progress`: what is stored is noted by `store`."""

    def commits(self) -> dict[int, Commit]:
        """See `Progress`."""
        return {partition: Commit(self._offset(partition, end)) for partition, end in self._next.items()}

    def resume(self, partition: int, commit: Commit) -> None:
        """See `Progress`: what was read before the group's commit was known is read again."""
        self.epoch += 1
        self._next[partition] = commit.offset
        self._unwritten.pop(partition, None)

    def forget(self) -> None:
        """See `Progress`."""
        self.epoch += 1
        self._next.clear()
        self._unwritten.clear()

    def _offset(self, partition: int, end: int) -> int:
        return min((one.first_offset for one in self._unwritten.get(partition, {}).values()), default=end)
