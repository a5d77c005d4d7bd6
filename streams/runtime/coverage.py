"""Whether every partition that can be served has a worker, and what to do about those that have none."""

import time
from collections.abc import Callable

from schemas.record import TopicPartition
from streams.kafka.lag import Look

#: Seconds between two demands, at first and at most. A rebalance is over in less.
_FIRST_PAUSE, _LONGEST_PAUSE = 10.0, 300.0


class Coverage:
    """Notices partitions that no member of the group has, although the group is settled.

    That is so when partitions were added, when a topic was made again, and when all workers came back one by one to an
    assignment from before: to static members a group gives what they had, and no worker knows that it is the leader.

    Args:
        clock: Monotonic seconds.

    Attributes:
        orphans: Partitions that could be served and that nobody had at the last look.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._pause = _FIRST_PAUSE
        self._next = 0.0
        self.orphans: frozenset[TopicPartition] = frozenset()

    def observe(self, look: Look) -> bool:
        """Take in a look.

        Returns:
            Whether the group should be made to assign its partitions anew: twice in a row the same partition was
            without an owner, so that by now every worker knows of it.
        """
        if look.owners is None:  # it is being assigned anew
            self.orphans = frozenset()
            return False
        servable = {TopicPartition(look.topology.input, partition) for partition in range(look.topology.servable)}
        before, self.orphans = self.orphans, frozenset(servable - look.owners.keys())
        if not self.orphans:
            self._pause = _FIRST_PAUSE
            return False
        now = self._clock()
        if not before & self.orphans or now < self._next:
            return False
        self._next = now + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        return True

    def holds_records(self, look: Look) -> bool:
        """Whether records wait in partitions that nobody has."""
        return any(look.lags[tp].records for tp in self.orphans if tp in look.lags)
