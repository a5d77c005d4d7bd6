"""The worker's look at itself: lag by the brokers' word, and whether anything moves."""

import asyncio
import time
from collections.abc import Hashable
from typing import cast

import faust
import structlog
from aiokafka.errors import KafkaError
from faust.tables.manager import TableManager
from faust.types import TP

from streams.delivery.failstop import Watchdog
from streams.delivery.lanes import Lanes
from streams.metrics import Metrics

log = structlog.get_logger(__name__)

_ANSWER_TIMEOUT = 10.0


class Monitor:
    """Reads the ends of the assigned input partitions on a timer, shows the lag, and feeds the watchdog.

    The watchdog is fed when there is nothing to do, when a clip is being processed within its time, when something
    moved since the last look (a commit, or a table in recovery), and for a while when no partitions are assigned: a
    rebalance has to wait for members that died or are draining.

    Args:
        app: The running app.
        lanes: Its lanes.
        metrics: Where the lag is shown.
        watchdog: Fed from here.
        interval: Seconds between two looks.
        patience: Seconds that a rebalance may take.
    """

    def __init__(
        self,
        app: faust.App,
        lanes: Lanes,
        metrics: Metrics,
        watchdog: Watchdog,
        *,
        interval: float,
        patience: float,
    ) -> None:
        self._app = app
        self._lanes = lanes
        self._metrics = metrics
        self._watchdog = watchdog
        self._interval = interval
        self._patience = patience
        self._last_ready = time.monotonic()
        self._last: Hashable = None
        self.brokers_answer = False

    async def run(self) -> None:
        """Look, forever."""
        while True:
            try:
                idle = await asyncio.wait_for(self._lag(), _ANSWER_TIMEOUT) == 0
            except (KafkaError, TimeoutError) as error:
                log.warning("brokers_silent", reason=str(error) or type(error).__name__)
                self.brokers_answer = idle = False
            else:
                self.brokers_answer = True
            if self._well(idle=idle):
                self._watchdog.feed()
            await asyncio.sleep(self._interval)

    def _well(self, *, idle: bool) -> bool:
        previous, self._last = self._last, self._progress()
        if self._lanes.ready:
            self._last_ready = time.monotonic()
            return idle or self._last != previous or any(lane.busy for _, lane in self._lanes)
        return self._last != previous or time.monotonic() - self._last_ready < self._patience

    async def _lag(self) -> int:
        """Records not yet committed, over all assigned input partitions."""
        lanes = {TP(*source): lane for source, lane in self._lanes}
        ends = await self._app.consumer.highwaters(*lanes) if lanes else {}
        lags: dict[TP, int] = {}
        for tp, lane in lanes.items():
            lags[tp] = max(0, ends[tp] - lane.committed)
            if lags[tp] and not lane.depth and await self._read_to(tp, ends[tp]):
                lags[tp] = 0  # what is left are transaction markers
        self._metrics.lag_records.clear()  # partitions that went since have other owners, who show their lag
        for tp, lag in lags.items():
            self._metrics.lag_records.labels(tp.topic, tp.partition).set(lag)
        return sum(lags.values())

    async def _read_to(self, tp: TP, end: int) -> bool:
        position = await self._app.consumer.position(tp)
        return position is not None and position >= end

    def _progress(self) -> Hashable:
        tables = cast("TableManager", self._app.tables)
        committed = frozenset((source, lane.committed) for source, lane in self._lanes)
        return committed, self._lanes.ready, tables.recovery.active_remaining_total()
