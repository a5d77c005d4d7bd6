"""Detects partitions without an owner, and decides when the group should assign its partitions again."""

import time
from collections.abc import Callable

from schemas.record import TopicPartition
from streams.kafka.lag import ClusterSnapshot

#: Seconds between two requests, at first and at most. A rebalance takes less.
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0


class UnownedPartitions:
    """Detects partitions that no member of the group owns, although no rebalance is running.

    This happens when partitions were added, when a topic was created again, and when all workers restarted one by one:
    static members get their previous assignment back, and no worker knows that it is the leader.

    Args:
        clock: Returns monotonic seconds.

    Attributes:
        partitions: Servable partitions without an owner in the last snapshot.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = _FIRST_PAUSE
        self._next = 0.0
        self.partitions: frozenset[TopicPartition] = frozenset()

    def observe(self, snapshot: ClusterSnapshot) -> bool:
        """Update the unowned partitions from a snapshot.

        Returns:
            Whether to make the group assign its partitions again: a partition had no owner in two consecutive
            snapshots, so that every worker knows of it by now.
        """
        if snapshot.owners is None:  # a rebalance is running
            self.partitions = frozenset()
            return False
        servable = {
            TopicPartition(topic, partition)
            for topic in snapshot.topology.inputs
            for partition in range(snapshot.topology.servable)
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
        """Whether there are unprocessed records in partitions without an owner."""
        return any(snapshot.lags[tp].records for tp in self.partitions if tp in snapshot.lags)
