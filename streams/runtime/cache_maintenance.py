"""Keeps the cache within its time and its room, in small steps beside the work."""

import asyncio
import time
from collections.abc import Callable

import structlog

from streams.cache import TieredCache, scaled_budget
from streams.engine.tables import CacheTable
from streams.runtime.memory import MemoryGauge, release_free_memory
from streams.telemetry.metrics import Metrics

log = structlog.get_logger(__name__)

#: Seconds between two steps. In each, so many entries in memory are looked at; a full memory is through in minutes.
_INTERVAL = 1.0
_SWEPT = 500


class CacheMaintenance:
    """Sweeps expired entries, keeps the table within its size, and fits the cache's memory to the process's.

    Args:
        cache: The cache in memory.
        table: The table below it.
        most: Bytes of memory that the operator allows for the cache.
        gauge: Reads the memory of the process.
        metrics: Where recovery is shown.
        may_write: Whether the table's partitions are this worker's and recovered.
    """

    def __init__(
        self,
        cache: TieredCache,
        table: CacheTable,
        most: int,
        gauge: MemoryGauge,
        metrics: Metrics,
        *,
        may_write: Callable[[], bool],
    ) -> None:
        self._cache = cache
        self._table = table
        self._most = most
        self._gauge = gauge
        self._metrics = metrics
        self._may_write = may_write
        self._to_recover = 0

    async def run(self) -> None:
        """Take one step after the other, forever."""
        while True:
            await asyncio.sleep(_INTERVAL)
            self._show_recovery()
            self.fit()
            self._cache.sweep(_SWEPT)
            for partition in self._table.owned():
                if not self._may_write():
                    break
                self._table.sweep(partition, time.time())
                await asyncio.sleep(0)

    def _show_recovery(self) -> None:
        """Tell how far the table has come, once a second while it is being restored."""
        before, self._to_recover = self._to_recover, self._table.to_recover
        self._metrics.cache_records_to_recover.set(self._to_recover)
        if self._to_recover:
            log.info("table_recovering", records_left=self._to_recover)
        elif before:
            log.info("table_recovered")

    def fit(self) -> None:
        """Let the cache's budget follow the memory that the process has left."""
        before = self._cache.budget
        budget = scaled_budget(before, self._most, self._cache.used, self._gauge.read())
        if budget == before:
            return
        held = self._cache.used
        self._cache.resize(budget)
        if self._cache.used < held:
            release_free_memory()
        log.info("cache_budget", bytes=budget, evicted_bytes=held - self._cache.used)
