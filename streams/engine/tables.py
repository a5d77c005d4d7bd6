"""The cache table of a worker: a Faust table on RocksDB with a changelog in Kafka."""

import logging
from collections import defaultdict
from functools import partial
from typing import Any

import faust
from faust.tables.manager import TableManager
from faust.types import AppT, EventT
from mode.utils.queues import ThrowableQueue

from streams.cache.table_sweep import ShardSweep
from streams.delivery.outcome import Lookup
from streams.engine.fetch_loop import EventQueue
from streams.engine.intake import raw_topic
from streams.engine.recovery import BoundedRecovery
from streams.engine.rocksdb_store import RebuildingStore
from streams.telemetry.metrics import Metrics

#: Changelog records buffered during recovery and written as one batch.
_RECOVERY_BUFFER = 64
#: The same for standby replicas. They are written one by one, because a batch would delay the inputs.
_STANDBY_BUFFER = 1


class CurrentGenerationQueue(EventQueue):
    """The queue of changelog records for tables; it drops records of earlier generations of the group.

    A record whose put was waiting when a rebalance began is put when the rebalance is over. The table would then treat
    the records before it, which are read again, as already applied.
    """

    def __init__(self, app: AppT) -> None:
        super().__init__(app.conf.stream_buffer_maxsize, flow_control=app.flow_control, clear_on_resume=True)
        self._app = app

    async def get(self) -> EventT[Any]:
        """Wait for the next record of the current generation."""
        while True:
            event: EventT[Any] = await super().get()
            if event.message.generation_id == self._app.consumer_generation_id:
                return event


class QuickStartTableManager(TableManager):
    """Faust's table manager without its wait of one second for modules to declare tables: ours are declared already.

    A restarted worker processes nothing during that second. Recovery is a `BoundedRecovery`.
    """

    logger = logging.getLogger("faust.tables")  # mode would name it after this module

    @property
    def changelog_queue(self) -> ThrowableQueue[Any]:
        """See `CurrentGenerationQueue`."""
        if self._changelog_queue is None:
            self._changelog_queue = CurrentGenerationQueue(self.app)
        return self._changelog_queue

    @property
    def recovery(self) -> BoundedRecovery:
        """See `BoundedRecovery`."""
        if not isinstance(self._recovery, BoundedRecovery):
            self._recovery = BoundedRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Subscribe to the changelogs and start the recovery."""
        await self._update_channels()
        await self.recovery.start()


class CacheTable:
    """Encoded files by content key: partitioned like the input, kept over restarts, and moved with their partitions.

    Args:
        app: The app, not yet started.
        changelog: Full name of the compacted changelog topic; it must exist.
        shard_bytes: Largest size of the entries of one partition, in bytes.
        metrics: Show the table's size.
    """

    def __init__(self, app: faust.App, changelog: str, *, shard_bytes: int, metrics: Metrics) -> None:
        self._table: Any = app.Table(
            "audio-cache",
            key_type=bytes,
            value_type=bytes,
            changelog_topic=raw_topic(app, changelog, _RECOVERY_BUFFER, compacting=True, internal=True),
            recovery_buffer_size=_RECOVERY_BUFFER,
            standby_buffer_size=_STANDBY_BUFFER,
        )
        self._metrics = metrics
        self._sweeps: dict[int, ShardSweep] = defaultdict(lambda: ShardSweep(shard_bytes))

    def owned(self) -> list[int]:
        """Partitions whose entries this worker may change; drops the statistics of partitions that it has lost.

        It may hold standby replicas of other partitions, which change only through their owner's changelog.
        """
        assigned = self._table.app.assignor.assigned_actives()
        partitions = sorted(tp.partition for tp in assigned if tp.topic == self._table.changelog_topic_name)
        for partition in self._sweeps.keys() - set(partitions):
            del self._sweeps[partition]
            self._metrics.cache_table_bytes.remove(partition)
        return partitions

    @property
    def to_recover(self) -> int:
        """Changelog records that must still be read until the table is recovered."""
        recovery: Any = self._table.app.tables.recovery
        return max(0, recovery.active_remaining_total()) if recovery.in_recovery else 0

    def sweep(self, partition: int, now: float) -> None:
        """Check the next entries of a partition: remove the expired ones, and others while the partition is too large.

        Removals go to the changelog. If another worker owns the partition by now, it loses a cache entry: no harm.

        Args:
            partition: One of `owned`, recovered.
            now: Seconds since the epoch.
        """
        store: RebuildingStore = self._table.data
        sweep = self._sweeps[partition]
        for key, reason in sweep.step(partial(store.entries, partition), now):
            store.remove(partition, key)
            self._table.send_changelog(partition, key, None, value_serializer="raw")
            self._metrics.cache_table_removals.labels(reason).inc()
        self._metrics.cache_table_bytes.labels(partition).set(sweep.size)

    def lookup(self, partition: int) -> Lookup:
        """Return a function that reads entries of one partition; it is thread-safe."""
        store: RebuildingStore = self._table.data
        return store.reader(partition)

    def put(self, partition: int, key: bytes, value: bytes) -> None:
        """Write an entry to the changelog and to the database.

        Faust's own ``table[key] = value`` takes the partition from the current event, which is set only inside a
        stream's task. Lanes work outside of it.

        Args:
            partition: The input's; the entry goes into the changelog partition of the same number.
            key: Content key.
            value: Packed entry.
        """
        store: RebuildingStore = self._table.data
        try:
            replaced = store.size_of(partition, key)
            self._table.send_changelog(partition, key, value)
            store.write(partition, key, value)
        except Exception as error:
            store.mark_corrupt(partition, error)
            raise
        self._sweeps[partition].note(key, len(key) + len(value) - replaced)
