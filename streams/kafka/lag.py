"""A snapshot of the cluster: the inputs' partitions, the lag of the group in each of them, and their owners."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka import TopicPartition as ClientPartition
from aiokafka.errors import KafkaError

from schemas.record import TopicPartition
from streams.kafka.broker_clocks import age
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.group_owners import fetch_owners
from streams.kafka.protocol.metadata import fetch_topics
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.kafka.topology import Topology
from streams.kafka.transactional_writer import REQUEST_TIMEOUT_MS

#: Partitions whose oldest record is fetched for one snapshot, which bounds its cost when many partitions lag.
_PROBES_PER_READ = 16
#: Limit of one fetch. A broker sends the first batch whole even if it is larger, and no second one.
_FETCH_BYTES = 4096
_FETCH_MAX_WAIT_MS = 100
_READ_TIMEOUT = 4.0
#: Seconds; the age of the oldest record stays unknown when the broker sends no record in this time.
_PROBE_TIMEOUT = 1.5
_CLOSE_TIMEOUT = 5.0


class OldestRecord(NamedTuple):
    """The oldest unprocessed record of a partition.

    Attributes:
        offset: Its offset.
        timestamp: Seconds since the epoch; None where the record has none.
    """

    offset: int
    timestamp: float | None


@dataclass(frozen=True, slots=True)
class Lag:
    """The lag of a consumer group in one partition.

    Attributes:
        records: Offsets from the oldest unprocessed record to the last stable offset, 0 when there is no such record.
            Transaction markers are counted, because they cannot be told from records without reading them.
        oldest: The oldest unprocessed record; None when there is none, or when it was not fetched yet.
        beyond: Offsets by which the committed offset lies beyond the end of the log. The true lag is unknown then, and
            `records` counts the whole log.
    """

    records: int
    oldest: OldestRecord | None = None
    beyond: int = 0

    def seconds(self, now: float) -> float | None:
        """Age of the oldest unprocessed record in seconds; 0 without one, None when it is unknown or implausible.

        Args:
            now: Seconds since the epoch, by the brokers' clocks as far as they are known.
        """
        if not self.records:
            return 0.0
        if self.oldest is None or self.oldest.timestamp is None:
            return None
        return age(int(self.oldest.timestamp * 1000), now)


NO_LAG = Lag(0)


@dataclass(frozen=True, slots=True)
class ClusterSnapshot:
    """The state of the input topics and their consumer group at one moment, as the brokers report it.

    Attributes:
        topology: The input topics and the topics that are copartitioned with them.
        lags: The lag in each partition of the inputs, including those that cannot be served.
        owners: The group member that owns each partition of the inputs; partitions without an owner are missing. None
            while the group rebalances.
    """

    topology: Topology
    lags: Mapping[TopicPartition, Lag]
    owners: Mapping[TopicPartition, str] | None


class _Probe(NamedTuple):
    """The first record at or after a committed offset; `oldest` is None when there was none before `end`."""

    committed: int
    end: int
    oldest: OldestRecord | None

    def is_current(self, committed: int, end: int) -> bool:
        return self.committed == committed and (self.oldest is not None or self.end == end)


class LagReader:
    """Reads a consumer group's lag from the brokers, with its own client and without joining the group.

    The difference between end offset and committed offset is not enough: transactions leave markers, and nobody
    commits past them. So the reader fetches the oldest record after the committed offset: once per committed offset,
    and for a limited number of partitions per snapshot. A partition without such a record has no lag.

    Args:
        connection: The cluster.
        group: The consumer group.
        topics: Full names: an input topic first, then the topics that are copartitioned with it.
        inputs: Those of them that the group reads; the first one if none are given.
        probes: Most partitions of which a snapshot fetches the oldest record; None for all.

    Attributes:
        connection: As given.
        topology: As last read; it is set even when the rest of a snapshot fails.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        group: str,
        topics: Sequence[str],
        inputs: Sequence[str] = (),
        *,
        probes: int | None = _PROBES_PER_READ,
    ) -> None:
        self.connection = connection
        self._group = group
        self._probes = probes
        self.topology = Topology(inputs or topics[:1], topics, {})
        self._partitions: list[ClientPartition] = []
        self._probed: dict[ClientPartition, _Probe] = {}
        self._probe_numbers = itertools.count()
        self._last_probed: dict[ClientPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None

    async def read(self, known: Mapping[TopicPartition, OldestRecord] | None = None) -> ClusterSnapshot:
        """Take a snapshot of all partitions that exist now.

        Args:
            known: Oldest unprocessed records that need not be fetched: those in a worker's own lanes.

        Raises:
            aiokafka.errors.KafkaError: When the brokers do not answer, or refuse. The next call connects anew.
            TimeoutError: When they do not answer in time.
        """
        try:
            async with asyncio.timeout(_READ_TIMEOUT):
                return await self._read(known or {})
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connections."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(consumer.stop(), _CLOSE_TIMEOUT)

    async def _read(self, known: Mapping[TopicPartition, OldestRecord]) -> ClusterSnapshot:
        consumer = await self._connected()
        client = consumer._client  # noqa: SLF001  it is connected already
        before, names = self.topology, self.topology.names
        self.topology = Topology(before.inputs, names, await fetch_topics(client, names))
        if _assignable(self.topology) != _assignable(before) or not consumer.assignment():
            await self._assign_partitions(consumer)
        owners = await fetch_owners(client, self._group)
        tps = None if owners is None else {TopicPartition(*tp): owner for tp, owner in owners.items()}
        return ClusterSnapshot(self.topology, await self._lags(consumer, known), tps)

    async def _assign_partitions(self, consumer: AIOKafkaConsumer) -> None:
        """Follow a change of the input topics: partitions were added, or one was deleted or created again."""
        topology = self.topology
        self._partitions = [
            ClientPartition(topic, partition) for topic in topology.inputs for partition in range(topology.count(topic))
        ]
        self._probed.clear()
        self._last_probed = dict.fromkeys(self._partitions, 0)
        if self._partitions:
            consumer.assign(self._partitions)
            consumer.pause(*self._partitions)
            await consumer._client.force_metadata_update()  # noqa: SLF001  assigning does so for topics only

    async def _lags(
        self, consumer: AIOKafkaConsumer, known: Mapping[TopicPartition, OldestRecord]
    ) -> dict[TopicPartition, Lag]:
        if not self._partitions:
            return {}
        # Committed offsets first: a commit in between makes the lag a little too large, but never negative.
        positions = await self._positions(consumer)
        ends: Mapping[ClientPartition, int] = await consumer.end_offsets(self._partitions)
        behind = {tp: at for tp, at in positions.items() if at < ends[tp] and TopicPartition(*tp) not in known}
        await self._probe_oldest(consumer, behind, ends)
        lags = {}
        for tp in self._partitions:
            ours = TopicPartition(*tp)
            lags[ours] = self._lag(tp, known.get(ours), positions[tp], ends[tp])
        if beyond := [tp for tp in self._partitions if positions[tp] > ends[tp]]:
            starts: Mapping[ClientPartition, int] = await consumer.beginning_offsets(beyond)
            lags |= {TopicPartition(*tp): Lag(ends[tp] - starts[tp], beyond=positions[tp] - ends[tp]) for tp in beyond}
        return lags

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = self.connection.consumer(
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=_FETCH_BYTES,
                fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            consumer.pauses = ()  # only the offset and time of a record are used: no retries for its checksum
            self._consumer = consumer
            await consumer.start()
        return self._consumer

    async def _positions(self, consumer: AIOKafkaConsumer) -> dict[ClientPartition, int]:
        """The group's position in each partition: its committed offset, or the start of the log."""
        # Unstable offsets are good enough: in busy partitions a transaction is open nearly all the time.
        client = consumer._client  # noqa: SLF001  it is connected already
        committed = await fetch_last_committed(client, self._group, self._partitions)
        fresh = [tp for tp in self._partitions if tp not in committed]
        starts: dict[ClientPartition, int] = await consumer.beginning_offsets(fresh) if fresh else {}
        return starts | {tp: last.offset for tp, last in committed.items()}

    async def _probe_oldest(
        self, consumer: AIOKafkaConsumer, behind: Mapping[ClientPartition, int], ends: Mapping[ClientPartition, int]
    ) -> None:
        """Fetch the oldest record of the partitions that were probed longest ago."""
        unknown = [
            tp
            for tp, position in behind.items()
            if tp not in self._probed or not self._probed[tp].is_current(position, ends[tp])
        ]
        chosen = sorted(unknown, key=lambda tp: self._last_probed[tp])[: self._probes]
        for tp in chosen:
            self._last_probed[tp] = next(self._probe_numbers)
            consumer.seek(tp, behind[tp])
        consumer.resume(*chosen)
        waiting, until = set(chosen), time.monotonic() + _PROBE_TIMEOUT
        while waiting and time.monotonic() < until:
            batches: Mapping[ClientPartition, list[ConsumerRecord]] = await consumer.getmany(
                *waiting, timeout_ms=_FETCH_MAX_WAIT_MS, max_records=1
            )
            for tp in list(waiting):
                if tp in batches or await consumer.position(tp) >= ends[tp]:
                    consumer.pause(tp)
                    waiting.discard(tp)
                    self._probed[tp] = _Probe(behind[tp], ends[tp], _oldest(batches.get(tp)))
        consumer.pause(*waiting)

    def _lag(self, tp: ClientPartition, oldest: OldestRecord | None, position: int, end: int) -> Lag:
        if position >= end:
            return NO_LAG
        if oldest is None and (probed := self._probed.get(tp)) is not None and probed.is_current(position, end):
            if probed.oldest is None:
                return NO_LAG
            oldest = probed.oldest
        return Lag(end - position) if oldest is None else Lag(max(0, end - oldest.offset), oldest)


def _assignable(topology: Topology) -> dict[str, tuple[bytes, int]]:
    """The input topics that exist: Kafka's id of each, and its number of partitions."""
    return {topic: (topic_id, topology.count(topic)) for topic, topic_id in topology.ids.items()}


def _oldest(records: list[ConsumerRecord] | None) -> OldestRecord | None:
    if not records:
        return None
    oldest = records[0]
    return OldestRecord(oldest.offset, oldest.timestamp / 1000 if oldest.timestamp >= 0 else None)
