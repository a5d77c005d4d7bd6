"""How a worker monitors its cluster."""

from schemas.record import TopicPartition
from schemas.topics import RAW, copartitioned, inputs
from streams.engine.app import REBALANCE_PATIENCE
from streams.kafka.lag import LagReader
from streams.runtime.fail_stop import Watchdog
from streams.runtime.monitor import Monitor
from streams.runtime.wiring import Runtime

#: Seconds between two checks of the lag: operators must see within ten seconds whether calls are delayed.
_LAG_INTERVAL = 5.0


def monitor_of(runtime: Runtime, watchdog: Watchdog) -> Monitor:
    """Make the monitor of a worker; the lag of live calls puts pressure on the choice of levels."""
    settings = runtime.settings
    names, live = (settings.topic_prefix, settings.group), runtime.topic_name(RAW)

    def observe(tp: TopicPartition, behind: float) -> None:
        if tp.topic == live:  # recordings may wait; nobody listens to them yet
            runtime.governor.observe(behind, partition=tp.partition, call="")

    return Monitor(
        runtime.lanes,
        LagReader(runtime.connection, settings.group, copartitioned(*names), inputs(*names)),
        runtime.metrics,
        watchdog,
        partitions=runtime.partitions,
        interval=min(_LAG_INTERVAL, settings.health_check_interval, settings.stall_timeout / 4),
        rebalance_timeout=REBALANCE_PATIENCE,
        mean_seconds=lambda: runtime.recorder.mean_seconds,
        on_lag=observe,
        now=runtime.clocks.now,
        request_reassignment=runtime.app.request_reassignment,
        to_recover=lambda: runtime.app.records_to_recover,
    )
