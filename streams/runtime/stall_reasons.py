"""The reasons why a worker makes no progress, as text for the watchdog's message."""

import time
from collections.abc import Callable, Mapping

from schemas.record import TopicPartition
from streams.delivery.lanes import Lanes
from streams.kafka.denials import denial_of
from streams.kafka.lag import Lag
from streams.kafka.topology import Topology

#: Partitions that are named; further ones have the same cause.
_NAMED = 3


class CommitProgress:
    """Records the time of each partition's last commit.

    Args:
        clock: Returns monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since: dict[TopicPartition, tuple[int, float]] = {}

    def observe(self, lanes: Lanes) -> None:
        """Update the committed offsets of the partitions."""
        now = self._clock()
        self._since = {
            tp: self._since[tp] if tp in self._since and self._since[tp][0] == lane.committed else (lane.committed, now)
            for tp, lane in lanes
        }

    def describe_stalled(self, lags: Mapping[TopicPartition, Lag]) -> str:
        """Describe the partitions with unprocessed records, those without a commit for the longest time first."""
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
    """Describe a cluster snapshot that failed.

    Args:
        servers: The brokers, as ``host:port[,host:port...]``.
        error: The error.
        topology: The last known topology.
    """
    if topology.leaderless:
        named = ", ".join(f"{topic}-{partition}" for topic, partition in topology.leaderless[:_NAMED])
        return f"the brokers at {servers} lead no replica of {named}"
    if denial := denial_of(error):
        return f"the Kafka brokers at {servers} do not allow the worker to look: {denial}"
    return f"the Kafka brokers at {servers} do not answer ({error or type(error).__name__})"


def lanes_not_open(lanes: Lanes, to_recover: int) -> str:
    """Describe why a worker has no open lanes.

    Args:
        lanes: The worker's lanes.
        to_recover: Changelog records that must still be read.
    """
    if not lanes.assigned:
        return "the consumer group has not assigned partitions: a rebalance is under way"
    if to_recover > 0:
        return f"{to_recover} records of the table's changelog are still to be read"
    return "the assigned partitions are not open: their former owner's transaction, or the group's coordinator"
