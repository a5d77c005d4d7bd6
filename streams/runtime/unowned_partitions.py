"""Whether every partition that can be served has a worker, and what to do about those that have none."""

import time
from collections.abc import Callable

from schemas.record import TopicPartition
from streams.kafka.lag import ClusterSnapshot

#: Seconds between two demands, at first and at most. A rebalance is over in less.
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0


class UnownedPartitions:
    """Notices partitions that no member of the group has, although the group is settled.

    That is so when partitions were added, when a topic was made again, and when all workers came back one by one to an
    assignment from before: to static members a group gives what they had, and no worker knows that it is the leader.

    Args:
        clock: Monotonic seconds.

    Attributes:
        unowned: Partitions that could be served and that nobody had at the last look.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = _FIRST_PAUSE
        self._next = 0.0
        self.partitions: frozenset[TopicPartition] = frozenset()

    def observe(self, snapshot: ClusterSnapshot) -> bool:
        """Take in a look.

        Returns:
            Whether the group should be made to assign its partitions anew: twice in a row the same partition was
            without an owner, so that by now every worker knows of it.
        """
        if snapshot.owners is None:  # it is being assigned anew
            self.partitions = frozenset()
            return False
        servable = {
            TopicPartition(snapshot.topology.input, partition) for partition in range(snapshot.topology.servable)
        }
        before, self.partitions = self.partitions, frozenset(servable - snapshot.owners.keys())
        if not self.partitions:
            self._pause = _FIRST_PAUSE
            return False
        now = self._clock()
        if not before & self.partitions or now < self._next:
            return False
        self._next = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True

    def have_records(self, snapshot: ClusterSnapshot) -> bool:
        """Whether records wait in partitions that nobody has."""
        return any(snapshot.lags[tp].records for tp in self.partitions if tp in snapshot.lags)
