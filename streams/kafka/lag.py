"""What the brokers know: which partitions there are, what waits in each of them, and who reads it."""

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
from streams.kafka.protocol.every_record import EveryRecordConsumer
from streams.kafka.protocol.group_owners import fetch_owners
from streams.kafka.protocol.metadata import fetch_topics
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.kafka.topology import Topology
from streams.kafka.transactional_writer import REQUEST_TIMEOUT_MS

#: Partitions whose oldest record is fetched in one look, so that a look at many that are behind stays cheap.
_PROBES = 16
#: A broker sends the first batch whole, however large, and no second one beyond this.
_FETCH_BYTES = 4096
_FETCH_MAX_WAIT_MS = 100
_READ_WITHIN = 4.0
#: Where a broker gives no record within this, the age of the oldest is not known.
_PROBE_WITHIN = 1.5
_CLOSE_TIMEOUT = 5.0


class Head(NamedTuple):
    """The oldest unprocessed record of a partition.

    Attributes:
        offset: Its offset.
        timestamp: Seconds since the epoch; None where the record has none.
    """

    offset: int
    timestamp: float | None


@dataclass(frozen=True, slots=True)
class Lag:
    """What waits in one partition.

    Attributes:
        records: From the oldest unprocessed record to the last stable offset, 0 when there is none. Markers of
            transactions between and behind the records are counted: their number is not known without reading.
        head: The oldest unprocessed record; None when nothing waits, or when it was not looked at yet.
        beyond: Offsets by which the committed one lies beyond the end of the log. What waits is not known then; all
            that the log has is counted.
    """

    records: int
    head: Head | None = None
    beyond: int = 0

    def seconds(self, now: float) -> float | None:
        """Age of the oldest unprocessed record; 0 when nothing waits, None when it is not known or cannot be right.

        Args:
            now: Seconds since the epoch, by the brokers' clocks as far as they are known.
        """
        if not self.records:
            return 0.0
        if self.head is None or self.head.timestamp is None:
            return None
        return age(int(self.head.timestamp * 1000), now)


NO_LAG = Lag(0)


@dataclass(frozen=True, slots=True)
class Look:
    """What the brokers knew at one moment.

    Attributes:
        topology: The input topic, and those that must have its partitions.
        lags: What waits in each partition of the input, also in those that cannot be served.
        owners: Who reads each partition of the input; those that nobody reads are missing. None while the group
            rebalances.
    """

    topology: Topology
    lags: Mapping[TopicPartition, Lag]
    owners: Mapping[TopicPartition, str] | None


class _Probed(NamedTuple):
    """What the record behind a committed offset was: none up to `end`, where `head` is None."""

    committed: int
    end: int
    head: Head | None

    def holds(self, committed: int, end: int) -> bool:
        return self.committed == committed and (self.head is not None or self.end == end)


class LagReader:
    """Reads what a consumer group has before it, from the brokers, with a client of its own and outside of the group.

    A difference of offsets alone says little: transactions leave markers, which nobody commits past. So the oldest
    record behind the committed offset is fetched, once as long as that offset stands, and of some partitions per
    look. Where there is none, there is no lag.

    Args:
        bootstrap_servers: ``host:port[,host:port...]``.
        group: The consumer group.
        topics: Full names: of the input topic first, then of those that must have as many partitions.

    Attributes:
        bootstrap_servers: As given.
        topology: As last seen; it is known also when the rest of a look fails.
    """

    def __init__(self, bootstrap_servers: str, group: str, topics: Sequence[str]) -> None:
        self.bootstrap_servers = bootstrap_servers
        self._group = group
        self.topology = Topology(topics[0], topics, {})
        self._partitions: list[ClientPartition] = []
        self._probed: dict[ClientPartition, _Probed] = {}
        self._turns = itertools.count()
        self._turn: dict[ClientPartition, int] = {}
        self._consumer: AIOKafkaConsumer | None = None

    async def look(self, heads: Mapping[TopicPartition, Head] | None = None) -> Look:
        """Look at every partition that there is now.

        Args:
            heads: Oldest unprocessed records that are known already: those in a worker's own lanes.

        Raises:
            aiokafka.errors.KafkaError: When the brokers do not answer, or refuse to. The next look connects anew.
            TimeoutError: When they do not answer in time.
        """
        try:
            async with asyncio.timeout(_READ_WITHIN):
                return await self._look(heads or {})
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close the connections."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(consumer.stop(), _CLOSE_TIMEOUT)

    async def _look(self, heads: Mapping[TopicPartition, Head]) -> Look:
        consumer = await self._connected()
        client = consumer._client  # noqa: SLF001  knows the brokers already
        before, names = self.topology, self.topology.names
        self.topology = Topology(before.input, names, await fetch_topics(client, names))
        if (self.topology.id, self.topology.partitions) != (before.id, before.partitions) or not consumer.assignment():
            await self._follow(consumer)
        owners = await fetch_owners(client, self._group)
        tps = None if owners is None else {TopicPartition(*tp): owner for tp, owner in owners.items()}
        return Look(self.topology, await self._lags(consumer, heads), tps)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        """Look at the partitions that there are now: some were added, the topic is another one, or it is gone."""
        topic, count = self.topology.input, self.topology.partitions
        self._partitions = [ClientPartition(topic, partition) for partition in range(count)]
        self._probed.clear()
        self._turn = dict.fromkeys(self._partitions, 0)
        if self._partitions:
            consumer.assign(self._partitions)
            consumer.pause(*self._partitions)
            await consumer._client.force_metadata_update()  # noqa: SLF001  assigning does so for topics only

    async def _lags(
        self, consumer: AIOKafkaConsumer, heads: Mapping[TopicPartition, Head]
    ) -> dict[TopicPartition, Lag]:
        if not self._partitions:
            return {}
        # Offsets first: what is committed in between makes the lag a little too large, never negative.
        begins = await self._begins(consumer)
        ends: Mapping[ClientPartition, int] = await consumer.end_offsets(self._partitions)
        known = {ClientPartition(*tp): head for tp, head in heads.items()}
        behind = {tp: begin for tp, begin in begins.items() if begin < ends[tp] and tp not in known}
        await self._look_closer(consumer, behind, ends)
        lags = {TopicPartition(*tp): self._lag(tp, known.get(tp), begins[tp], ends[tp]) for tp in self._partitions}
        if beyond := [tp for tp in self._partitions if begins[tp] > ends[tp]]:
            starts: Mapping[ClientPartition, int] = await consumer.beginning_offsets(beyond)
            lags |= {TopicPartition(*tp): Lag(ends[tp] - starts[tp], beyond=begins[tp] - ends[tp]) for tp in beyond}
        return lags

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = EveryRecordConsumer(
                bootstrap_servers=self.bootstrap_servers,
                isolation_level="read_committed",
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=_FETCH_BYTES,
                fetch_max_wait_ms=_FETCH_MAX_WAIT_MS,
                request_timeout_ms=REQUEST_TIMEOUT_MS,
            )
            consumer.pauses = ()  # it only looks at where a record is, not at what it holds
            self._consumer = consumer
            await consumer.start()
        return self._consumer

    async def _begins(self, consumer: AIOKafkaConsumer) -> dict[ClientPartition, int]:
        """Where the group stands: what it has committed, or the beginning."""
        # Not the stable ones: while partitions are busy, there is hardly a moment without a transaction.
        client = consumer._client  # noqa: SLF001  knows the brokers already
        committed = await fetch_last_committed(client, self._group, self._partitions)
        fresh = [tp for tp in self._partitions if tp not in committed]
        starts: dict[ClientPartition, int] = await consumer.beginning_offsets(fresh) if fresh else {}
        return starts | {tp: last.offset for tp, last in committed.items()}

    async def _look_closer(
        self, consumer: AIOKafkaConsumer, behind: Mapping[ClientPartition, int], ends: Mapping[ClientPartition, int]
    ) -> None:
        """Fetch the oldest record of those partitions that have waited longest for a look."""
        unknown = [
            tp for tp, begin in behind.items() if tp not in self._probed or not self._probed[tp].holds(begin, ends[tp])
        ]
        chosen = sorted(unknown, key=lambda tp: self._turn[tp])[:_PROBES]
        for tp in chosen:
            self._turn[tp] = next(self._turns)
            consumer.seek(tp, behind[tp])
        consumer.resume(*chosen)
        waiting, until = set(chosen), time.monotonic() + _PROBE_WITHIN
        while waiting and time.monotonic() < until:
            batches: Mapping[ClientPartition, list[ConsumerRecord]] = await consumer.getmany(
                *waiting, timeout_ms=_FETCH_MAX_WAIT_MS, max_records=1
            )
            for tp in list(waiting):
                if tp in batches or await consumer.position(tp) >= ends[tp]:
                    consumer.pause(tp)
                    waiting.discard(tp)
                    self._probed[tp] = _Probed(behind[tp], ends[tp], _head(batches.get(tp)))
        consumer.pause(*waiting)

    def _lag(self, tp: ClientPartition, head: Head | None, begin: int, end: int) -> Lag:
        if begin >= end:
            return NO_LAG
        if head is None and (probed := self._probed.get(tp)) is not None and probed.holds(begin, end):
            if probed.head is None:
                return NO_LAG
            head = probed.head
        return Lag(end - begin) if head is None else Lag(max(0, end - head.offset), head)


def _head(records: list[ConsumerRecord] | None) -> Head | None:
    if not records:
        return None
    oldest = records[0]
    return Head(oldest.offset, oldest.timestamp / 1000 if oldest.timestamp >= 0 else None)
