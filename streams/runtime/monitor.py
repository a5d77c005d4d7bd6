"""Checks the worker and its cluster regularly: topics, lag, owners of partitions, and progress."""

import asyncio
import time
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import partial

import structlog
from aiokafka.errors import KafkaError

from schemas.record import TopicPartition
from streams.delivery.lanes import Lanes
from streams.kafka.denials import denial_of
from streams.kafka.lag import NO_LAG, ClusterSnapshot, Lag, LagReader, OldestRecord
from streams.kafka.topology import InputTopicGoneError, PartitionCount, Topology
from streams.runtime.fail_stop import Watchdog
from streams.runtime.stall_reasons import CommitProgress, brokers_unavailable, lanes_not_open
from streams.runtime.unowned_partitions import UnownedPartitions
from streams.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)


class Monitor:
    """Takes a snapshot of the cluster at an interval, updates the metrics, and feeds the watchdog.

    The watchdog is fed when there is nothing to do, when a live record is being processed within its time, when there
    was progress since the last check (a commit, or a table in recovery), and for some time when no partitions are
    assigned: a rebalance has to wait for members that died or are draining. Otherwise the watchdog gets the reason for
    the wait. Partitions that wait for a recording count as having nothing to do: the recording has time limits of its
    own, and must not hide that other partitions stall.

    Args:
        lanes: The worker's lanes.
        reader: Takes the snapshots, of all input partitions, whoever owns them.
        metrics: Show the lag and the state of the topics.
        watchdog: The watchdog to feed.
        partitions: Updated with the numbers of partitions.
        interval: Seconds between two checks.
        rebalance_timeout: Seconds that a rebalance may take.
        mean_seconds: Returns the mean duration of a record, in seconds of audio.
        on_lag: Called with each of the worker's own partitions that lags, and its lag in seconds.
        now: Returns the time by the brokers' clocks, in seconds since the epoch.
        request_reassignment: Makes the group assign its partitions again.
        to_recover: Returns the number of changelog records that the worker's tables still have to read.

    Attributes:
        lags: The lag of each input partition in the last snapshot.
        topology: The topics in the last snapshot.
        brokers_answer: Whether the brokers answered the last snapshot.
    """

    def __init__(
        self,
        lanes: Lanes,
        reader: LagReader,
        metrics: Metrics,
        watchdog: Watchdog,
        *,
        partitions: PartitionCount,
        interval: float,
        rebalance_timeout: float,
        mean_seconds: Callable[[], float],
        on_lag: Callable[[TopicPartition, float], None],
        now: Callable[[], float],
        request_reassignment: Callable[[], None],
        to_recover: Callable[[], int],
    ) -> None:
        self._lanes = lanes
        self._reader = reader
        self._partitions = partitions
        self._metrics = metrics
        self._watchdog = watchdog
        self._interval = interval
        self._rebalance_timeout = rebalance_timeout
        self._mean_seconds = mean_seconds
        self._on_lag = on_lag
        self._now = now
        self._request_reassignment = request_reassignment
        self._to_recover = to_recover
        self._unowned = UnownedPartitions()
        self._commit_progress = CommitProgress()
        self._unowned_have_records = False
        self._last_ready = time.monotonic()
        self._last: Hashable = None
        self._shown: set[TopicPartition] = set()
        self._input_ids: dict[str, bytes] = {}
        self.lags: Mapping[TopicPartition, Lag] = {}
        self.topology = reader.topology
        self.brokers_answer = False
        self._show_ownership(_partitions(self.topology.inputs, partitions.servable))

    @property
    def awaits_assignment(self) -> bool:
        """Whether the worker owns no partition while there are records in a partition without an owner."""
        return self._unowned_have_records and not any(True for _ in self._lanes)

    async def run(self) -> None:
        """Check forever.

        Raises:
            InputTopicGoneError: When an input topic that the worker reads was deleted, or created again.
        """
        try:
            while True:
                await self._check()
                await asyncio.sleep(self._interval)
        finally:
            await self._reader.close()

    async def _check(self) -> None:
        waits_for = ""
        try:
            snapshot = await self._reader.read(self._oldest_in_lanes())
        except (KafkaError, TimeoutError) as error:
            log.warning("brokers_silent", reason=denial_of(error) or str(error) or type(error).__name__)
            self.brokers_answer = False
            waits_for = brokers_unavailable(self._reader.connection.bootstrap_servers, error, self._reader.topology)
        else:
            self.brokers_answer = True
            self._apply(snapshot)
        self._show_lags()
        self._commit_progress.observe(self._lanes)
        for tp, _ in self._lanes:
            if behind := self.lags.get(tp, NO_LAG).seconds(self._now()):
                self._on_lag(tp, behind)
        waiting = any(self.lags.get(tp, NO_LAG).records for tp, lane in self._lanes if lane.recording is None)
        if self._is_well(idle=self.brokers_answer and not waiting):
            self._watchdog.feed()
        else:
            self._watchdog.warn(waits_for or self._waits_for())

    def _apply(self, snapshot: ClusterSnapshot) -> None:
        self._check_topic_id(snapshot.topology)
        self._report_topic_changes(snapshot.topology)
        self.lags, self.topology = snapshot.lags, snapshot.topology
        topology = snapshot.topology
        self._partitions.input, self._partitions.servable = topology.count(topology.inputs[0]), topology.servable
        reassign = self._unowned.observe(snapshot)
        self._unowned_have_records = self._unowned.have_records(snapshot)
        if reassign and self._lanes.ready:
            log.warning("partitions_without_owner", partitions=_names(self._unowned.partitions))
            self._request_reassignment()

    def _check_topic_id(self, topology: Topology) -> None:
        for topic in {tp.topic for tp, _ in self._lanes} & self._input_ids.keys():
            if topology.ids.get(topic) != self._input_ids[topic]:
                what = "was deleted and made again" if topic in topology.ids else "was deleted"
                raise InputTopicGoneError(f"{topic} {what} while this worker read it")
        self._input_ids = topology.ids

    def _report_topic_changes(self, topology: Topology) -> None:
        """Log problems of the topics whenever they change."""
        self._metrics.topics_missing.set(len(topology.missing))
        self._metrics.partitions_unservable.set(topology.partitions - topology.servable)
        if topology.missing and topology.missing != self.topology.missing:
            log.error("topics_missing", topics=topology.missing, remedy="./scripts/topics apply")
        if topology.too_small and topology.too_small != self.topology.too_small:
            log.error(
                "partitions_cannot_be_served",
                topics=list(topology.inputs),
                partitions=list(range(topology.servable, topology.partitions)),
                too_small=topology.too_small,
                remedy=f"./scripts/topics grow --partitions {topology.partitions}",
            )
        if self.topology.found and topology.partitions != self.topology.partitions:
            log.info("partitions_changed", topics=list(topology.inputs), count=topology.partitions)

    @property
    def offsets_in_log(self) -> bool:
        """Whether the committed offsets of the worker's partitions were within their logs in the last snapshot."""
        return not any(self.lags.get(tp, NO_LAG).beyond for tp, _ in self._lanes)

    def _oldest_in_lanes(self) -> dict[TopicPartition, OldestRecord]:
        """The oldest record in each lane, which need not be fetched from the brokers."""
        oldest = {}
        for tp, lane in self._lanes:
            if lane.head is not None:
                milliseconds = lane.head.content.timestamp_ms
                oldest[tp] = OldestRecord(
                    lane.head.position.offset, None if milliseconds is None else milliseconds / 1000
                )
        return oldest

    def _show_lags(self) -> None:
        metrics, now, mean = self._metrics, self._now(), self._mean_seconds()
        self._show_ownership(self.lags)
        for tp, lag in self.lags.items():
            metrics.lag_records.labels(*tp).set(lag.records)
            metrics.committed_beyond_end.labels(*tp).set(lag.beyond)
            if tp.topic == self.topology.inputs[0]:  # recordings are of any length
                metrics.lag_audio_seconds.labels(*tp).set(lag.records * mean)
            seconds = lag.seconds(now)
            if seconds is None:  # the partition's owner knows it; a wrong value would be worse than none
                metrics.lag_seconds.remove(*tp)
            else:
                metrics.lag_seconds.labels(*tp).set(seconds)

    def _show_ownership(self, tps: Iterable[TopicPartition]) -> None:
        for tp in tps:
            if tp not in self._shown:
                self._shown.add(tp)
                self._metrics.partition_assigned.labels(*tp).set_function(partial(self._lanes.owns, tp))
                self._metrics.lane_depth.labels(*tp).set_function(partial(self._lanes.depth, tp))

    def _is_well(self, *, idle: bool) -> bool:
        previous, self._last = self._last, self._progress()
        if self._lanes.ready:
            self._last_ready = time.monotonic()
            return idle or self._last != previous or any(lane.busy for _, lane in self._lanes)
        return self._last != previous or time.monotonic() - self._last_ready < self._rebalance_timeout

    def _progress(self) -> Hashable:
        committed = frozenset((tp, lane.committed) for tp, lane in self._lanes)
        return committed, self._lanes.ready, self._to_recover()

    def _waits_for(self) -> str:
        if self.topology.missing:
            return f"missing: {', '.join(self.topology.missing)}; run ./scripts/topics apply"
        if not self._lanes.ready:
            return lanes_not_open(self._lanes, self._to_recover())
        return self._commit_progress.describe_stalled(self.lags)


def _names(tps: Iterable[TopicPartition]) -> list[str]:
    return [f"{tp.topic}-{tp.partition}" for tp in sorted(tps)]


def _partitions(topics: Iterable[str], count: int) -> list[TopicPartition]:
    return [TopicPartition(topic, partition) for topic in topics for partition in range(count)]
