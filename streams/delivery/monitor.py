"""The worker's look at itself: lag by the brokers' word, and whether anything moves."""

import asyncio
import time
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from typing import cast

import faust
import structlog
from aiokafka.errors import KafkaError
from faust.tables.manager import TableManager

from streams.delivery.failstop import Watchdog
from streams.delivery.lag import NO_LAG, Head, Lag, LagReader
from streams.delivery.lanes import Lanes
from streams.delivery.outcome import Source
from streams.metrics import Metrics

log = structlog.get_logger(__name__)


class Monitor:
    """Reads the lag on a timer, shows it, and feeds the watchdog.

    The watchdog is fed when there is nothing to do, when a clip is being processed within its time, when something
    moved since the last look (a commit, or a table in recovery), and for a while when no partitions are assigned: a
    rebalance has to wait for members that died or are draining.

    Args:
        app: The running app.
        lanes: Its lanes.
        reader: Reads the lag of every input partition, also of those that others own, or nobody.
        metrics: Where the lag is shown.
        watchdog: Fed from here.
        interval: Seconds between two looks.
        patience: Seconds that a rebalance may take.
        mean_seconds: Mean duration of a record, in seconds of audio.
        on_behind: Told how many seconds each of the worker's own partitions is behind, when it is.
        now: The time by the brokers' clocks.

    Attributes:
        lags: As last read.
        brokers_answer: Whether they did at the last look.
    """

    def __init__(
        self,
        app: faust.App,
        lanes: Lanes,
        reader: LagReader,
        metrics: Metrics,
        watchdog: Watchdog,
        *,
        interval: float,
        patience: float,
        mean_seconds: Callable[[], float],
        on_behind: Callable[[Source, float], None],
        now: Callable[[], float],
    ) -> None:
        self._app = app
        self._lanes = lanes
        self._reader = reader
        self._metrics = metrics
        self._watchdog = watchdog
        self._interval = interval
        self._patience = patience
        self._mean_seconds = mean_seconds
        self._on_behind = on_behind
        self._now = now
        self._last_ready = time.monotonic()
        self._last: Hashable = None
        self.lags: Mapping[Source, Lag] = {}
        self.brokers_answer = False
        for source in reader.sources:
            metrics.partition_assigned.labels(*source).set_function(partial(lanes.owns, source))
            metrics.lane_depth.labels(source.partition).set_function(partial(lanes.depth, source))

    async def run(self) -> None:
        """Look, forever."""
        try:
            while True:
                await self._look()
                await asyncio.sleep(self._interval)
        finally:
            await self._reader.close()

    async def _look(self) -> None:
        try:
            self.lags = await self._reader.read(self._heads())
        except (KafkaError, TimeoutError) as error:
            log.warning("brokers_silent", reason=str(error) or type(error).__name__)
            self.brokers_answer = False
        else:
            self.brokers_answer = True
        self._show()
        own = {source: self.lags.get(source, NO_LAG) for source, _ in self._lanes}
        for source, lag in own.items():
            if behind := lag.seconds(self._now()):
                self._on_behind(source, behind)
        if self._well(idle=self.brokers_answer and not any(lag.records for lag in own.values())):
            self._watchdog.feed()

    @property
    def offsets_in_log(self) -> bool:
        """Whether the committed offsets of the worker's own partitions lay within their logs at the last look."""
        return not any(self.lags.get(source, NO_LAG).beyond for source, _ in self._lanes)

    def _heads(self) -> dict[Source, Head]:
        """Oldest records of the lanes: nobody has to ask the brokers for these."""
        heads = {}
        for source, lane in self._lanes:
            if lane.head is not None:
                milliseconds = lane.head.record.timestamp_ms
                heads[source] = Head(lane.head.position.offset, None if milliseconds is None else milliseconds / 1000)
        return heads

    def _show(self) -> None:
        metrics, now, mean = self._metrics, self._now(), self._mean_seconds()
        for source, lag in self.lags.items():
            metrics.lag_records.labels(*source).set(lag.records)
            metrics.committed_beyond_end.labels(*source).set(lag.beyond)
            metrics.lag_audio_seconds.labels(*source).set(lag.records * mean)
            seconds = lag.seconds(now)
            if seconds is None:  # its owner knows; a wrong figure would be worse than none
                metrics.lag_seconds.remove(*source)
            else:
                metrics.lag_seconds.labels(*source).set(seconds)

    def _well(self, *, idle: bool) -> bool:
        previous, self._last = self._last, self._progress()
        if self._lanes.ready:
            self._last_ready = time.monotonic()
            return idle or self._last != previous or any(lane.busy for _, lane in self._lanes)
        return self._last != previous or time.monotonic() - self._last_ready < self._patience

    def _progress(self) -> Hashable:
        tables = cast("TableManager", self._app.tables)
        committed = frozenset((source, lane.committed) for source, lane in self._lanes)
        return committed, self._lanes.ready, tables.recovery.active_remaining_total()
