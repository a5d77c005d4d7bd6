"""Follows ``audio.compressed`` in a worker's background and archives the results that are marked for it.

The followers of all workers share the partitions in a consumer group of their own. Offsets are committed after the
objects are stored, so that nothing is left out; a store that does not work delays the archive, and nothing else.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from schemas import Rejection
from schemas import headers as h
from streams.archive.progress import ArchiveProgress
from streams.archive.writer import ArchiveWriter, CommittedResult
from streams.clients.group_membership import GroupMembership
from streams.clients.messages import record_of
from streams.clients.results import segment_of
from streams.kafka.connected_client import connected_client
from streams.kafka.connection import KafkaConnection
from streams.kafka.denials import REMEDY, denial_of
from streams.kafka.protocol.metadata import fetch_topics
from streams.kafka.protocol.offset_fetch import fetch_last_committed
from streams.kafka.protocol.tolerant_consumer import TolerantConsumer
from streams.stores import Stores
from streams.telemetry.metrics.archive import ArchiveMetrics

log = structlog.get_logger(__name__)

_LOOK = 2.0  # seconds between two looks whether a hotel's policy archives
_POLL_MS = 500
_BATCH = 64  # records
_MANIFESTS = 32  # written between two batches
#: Bytes of one answer of a broker; a larger record comes alone.
_FETCH_BYTES = 2**20
#: A slow store takes up to half a minute for each result.
_LONGEST_BATCH_MS = 600_000
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 30.0  # seconds before another attempt
_STOP_TIMEOUT = 5.0


class ArchiveFollower:
    """Archives the results of one worker's share of the partitions.

    Args:
        connection: The cluster.
        topic: Full name of the topic ``audio.compressed``.
        group: The workers' consumer group.
        stores: The object stores.
        metrics: Show what is archived, and the lag.
        wanted: Returns whether the policy of any hotel archives.
        progress: Makes the progress of a consumer.
        now: Returns the time by the brokers' clocks, in seconds since the epoch.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        group: str,
        stores: Stores,
        metrics: ArchiveMetrics,
        *,
        wanted: Callable[[], bool],
        progress: Callable[[], ArchiveProgress] = ArchiveProgress,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._group = archive_group(group)
        self._stores = stores
        self._metrics = metrics
        self._wanted = wanted
        self._new_progress = progress
        self._now = now
        self._behind_since: float | None = None
        self._pause = _FIRST_PAUSE
        metrics.archive_lag.set_function(self._lag)

    async def run(self) -> None:
        """Archive forever, from the moment on at which a policy asks for it, or at once if the group has begun before.

        Errors are logged, and tried again: the archive never ends the worker.
        """
        await self._until_wanted()
        log.info("archive_started", group=self._group, topic=self._topic)
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001  calls go on, whatever is wrong with the archive
                self._failed(error)
            await asyncio.sleep(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    async def _until_wanted(self) -> None:
        begun: bool | None = None
        while not self._wanted():
            if begun is None:
                begun = await self._has_begun()
            if begun:  # results that were marked before the last policy changed may still wait
                return
            await asyncio.sleep(_LOOK)

    async def _has_begun(self) -> bool | None:
        """Whether the group has commits; None if the brokers do not say."""
        try:
            async with connected_client(self._connection) as client:
                found = await fetch_topics(client, [self._topic])
                places = [
                    TopicPartition(self._topic, number)
                    for topic in found.values()
                    for number in range(len(topic.leaders))
                ]
                return bool(await fetch_last_committed(client, self._group, places))
        except (KafkaError, OSError) as error:
            return None if denial_of(error) is None else False  # an account without this right has not begun either

    async def _follow(self) -> None:
        consumer = self._connection.consumer(
            group_id=self._group,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_bytes=_FETCH_BYTES,
            max_poll_interval_ms=_LONGEST_BATCH_MS,
        )
        progress = self._new_progress()
        membership = GroupMembership(consumer, self._topic, self._group, from_beginning=True, auto_commit=True)
        membership.follow(progress)
        consumer.subscribe([self._topic], listener=membership)
        writer = ArchiveWriter(self._stores)
        try:
            await consumer.start()
            await membership.wait_until_ready()
            while True:
                await self._step(consumer, membership, progress, writer)
        finally:
            writer.close()
            with contextlib.suppress(KafkaError, TimeoutError):
                await asyncio.wait_for(consumer.stop(), _STOP_TIMEOUT)

    async def _step(
        self,
        consumer: TolerantConsumer,
        membership: GroupMembership,
        progress: ArchiveProgress,
        writer: ArchiveWriter,
    ) -> None:
        """Archive some records and write some manifests."""
        if membership.is_ready:
            await membership.commit_sometimes()
        batches = await consumer.getmany(timeout_ms=_POLL_MS, max_records=_BATCH)
        epoch = progress.epoch  # without a pause in between: these records belong to it
        began = time.monotonic()
        for place, messages in batches.items():
            await self._store(place.partition, messages, epoch, progress, writer)
        for partition, call in progress.due()[:_MANIFESTS]:
            await asyncio.to_thread(writer.write_manifest, call)
            progress.write(epoch, partition, call)
        self._behind_since, self._pause = None, _FIRST_PAUSE
        # At most half of one core: a backlog of days must not slow down the calls of this moment.
        await asyncio.sleep(time.monotonic() - began)

    async def _store(
        self,
        partition: int,
        messages: Sequence[ConsumerRecord],
        epoch: int,
        progress: ArchiveProgress,
        writer: ArchiveWriter,
    ) -> None:
        marked = [one for one in messages if is_marked(one)]
        if marked and self._behind_since is None:
            self._behind_since = marked[0].timestamp / 1000
        results = [one for one in map(self._result, marked) if one is not None]
        entries = await asyncio.to_thread(writer.store, results) if results else []
        progress.store(
            epoch,
            partition,
            [(one.segment.position.offset, one.call_day, one.segment.result.final) for one in entries],
            messages[-1].offset + 1,
        )
        self._metrics.archived.inc(len(entries))
        self._metrics.archived_bytes.inc(sum(one.size for one in entries if one.file is not None))

    def _result(self, message: ConsumerRecord) -> CommittedResult | None:
        segment = segment_of(message)
        if isinstance(segment, Rejection):
            place = {"partition": message.partition, "offset": message.offset}
            log.warning("archive_skipped", code=segment.code, reason=segment.message, **place)
            return None
        return CommittedResult(segment, record_of(message))

    def _failed(self, error: Exception) -> None:
        self._metrics.archive_failures.inc()
        if self._behind_since is None:
            self._behind_since = self._now()
        denial = denial_of(error)
        reason = str(error) if denial is None else f"{denial}; {REMEDY}"
        log.error("archive_delayed", error=type(error).__name__, reason=reason, again_in_s=self._pause)

    def _lag(self) -> float:
        return 0.0 if self._behind_since is None else max(0.0, self._now() - self._behind_since)


def archive_group(group: str) -> str:
    """The consumer group of the archive, from the workers' group."""
    return f"{group}-archive"


def is_marked(message: ConsumerRecord) -> bool:
    """Whether a record of ``audio.compressed`` is to be archived: its worker has said so by the hotel's policy."""
    return any(name == h.ARCHIVE and value == b"true" for name, value in message.headers)
