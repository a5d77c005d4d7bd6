"""Removes expired cache entries and keeps the cache within its size, in small steps in the background."""

import asyncio
import time
from collections.abc import Callable

import structlog

from streams.cache import TieredCache, scaled_budget
from streams.engine.tables import CacheTable
from streams.runtime.memory import MemoryGauge, release_free_memory
from streams.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

#: Seconds between two steps.
_INTERVAL = 1.0
#: Entries in memory that a step checks; a full cache is checked within minutes.
_ENTRIES_PER_STEP = 500


class CacheMaintenance:
    """Removes expired entries, limits the table's size, and adapts the cache's memory to that of the process.

    Args:
        cache: The cache in memory.
        table: The cache table on disk.
        max_bytes: Largest memory of the cache that the operator allows, in bytes.
        gauge: Reads the memory of the process.
        metrics: Show the table's recovery.
        may_write: Returns whether the table's partitions are assigned to this worker and recovered.
    """

    def __init__(
        self,
        cache: TieredCache,
        table: CacheTable,
        max_bytes: int,
        gauge: MemoryGauge,
        metrics: Metrics,
        *,
        may_write: Callable[[], bool],
    ) -> None:
        self._cache = cache
        self._table = table
        self._max_bytes = max_bytes
        self._gauge = gauge
        self._metrics = metrics
        self._may_write = may_write
        self._to_recover = 0

    async def run(self) -> None:
        """Run the steps forever."""
        while True:
            await asyncio.sleep(_INTERVAL)
            self._show_recovery()
            self.fit()
            self._cache.sweep(_ENTRIES_PER_STEP)
            for partition in self._table.owned():
                if not self._may_write():
                    break
                self._table.sweep(partition, time.time())
                await asyncio.sleep(0)

    def _show_recovery(self) -> None:
        """Log the progress of the table's recovery, once a second, and its end."""
        before, self._to_recover = self._to_recover, self._table.to_recover
        self._metrics.cache_records_to_recover.set(self._to_recover)
        if self._to_recover:
            log.info("table_recovering", records_left=self._to_recover)
        elif before:
            log.info("table_recovered")

    def fit(self) -> None:
        """Adapt the cache's budget to the memory that the process has left."""
        before = self._cache.budget
        budget = scaled_budget(before, self._max_bytes, self._cache.used, self._gauge.read())
        if budget == before:
            return
        held = self._cache.used
        self._cache.resize(budget)
        if self._cache.used < held:
            release_free_memory()
        log.info("cache_budget", bytes=budget, evicted_bytes=held - self._cache.used)
