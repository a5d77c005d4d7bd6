"""What a worker waits for, in words: for the message with which the watchdog ends it."""

import time
from collections.abc import Callable, Mapping

from schemas.record import TopicPartition
from streams.delivery.lanes import Lanes
from streams.kafka.lag import Lag
from streams.kafka.topology import Topology

#: Partitions that are named; more of them have the same cause.
_NAMED = 3


class CommitProgress:
    """Notes since when each partition of the worker has committed nothing.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def observe(self, lanes: Lanes) -> None:
        """Take in where the partitions stand now."""
        now = self._clock()
        self._since = {
            tp: self._since[tp] if tp in self._since and self._since[tp][0] == lane.committed else (lane.committed, now)
            for tp, lane in lanes
        }

    def describe_stalled(self, lags: Mapping[TopicPartition, Lag]) -> str:
        """The partitions that have records waiting, those that stand longest first."""
        now = self._clock()
        standing = [
            f"{tp.topic}-{tp.partition} stands at offset {offset} for {now - since:.0f} s,"
            f" {lags[tp].records} records wait"
            for tp, (offset, since) in sorted(self._since.items(), key=lambda item: item[1][1])
            if tp in lags and lags[tp].records
        ]
        more = f", and {len(standing) - _NAMED} partitions more" if len(standing) > _NAMED else ""
        return "; ".join(standing[:_NAMED]) + more


def brokers_unavailable(servers: str, error: BaseException, topology: Topology) -> str:
    """Words for a look at the cluster that failed.

    Args:
        servers: The brokers that were asked.
        error: How it failed.
        topology: What was known before.
    """
    if topology.leaderless:
        named = ", ".join(f"{topic}-{partition}" for topic, partition in topology.leaderless[:_NAMED])
        return f"the brokers at {servers} lead no replica of {named}"
    return f"the Kafka brokers at {servers} do not answer ({error or type(error).__name__})"


def lanes_not_open(lanes: Lanes, to_recover: int) -> str:
    """Words for a worker that has no lanes open.

    Args:
        lanes: Its lanes.
        to_recover: Changelog records that are still to be read.
    """
    if not lanes.assigned:
        return "the consumer group has not assigned partitions: a rebalance is under way"
    if to_recover > 0:
        return f"{to_recover} records of the table's changelog are still to be read"
    return "the assigned partitions are not open: their former owner's transaction, or the group's coordinator"
