"""The Faust app and everything around it, put together for one worker process."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

import faust
from faust.types import StreamT, TopicT
from yarl import URL

from schemas import topics
from streams.cache import Lifetime, TieredCache
from streams.compression import LoadGovernor
from streams.delivery.assignor import LaneAssignor
from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.clocks import BrokerClocks
from streams.delivery.executor import ClipExecutor
from streams.delivery.fetch_loop import EventQueue
from streams.delivery.intake import EventStream, deliver, raw_topic
from streams.delivery.lane import LaneParts
from streams.delivery.lanes import Lanes
from streams.delivery.outcome import Processor
from streams.delivery.topology import PartitionCount
from streams.delivery.transactions import GroupProducer
from streams.delivery.transport import LaneConsumer, LaneTransport
from streams.isolation import Cage
from streams.metrics import Metrics
from streams.metrics.tally import Tally
from streams.policies import PoliciesInForce
from streams.rocksdb_store import STORE_URL
from streams.settings import Settings
from streams.tables import CacheTable, PromptTableManager

#: Events waiting for the agent; each holds its audio, so this bounds memory: at most this many times a record's size.
_STREAM_BUFFER = 16
#: Bytes fetched per partition and request; a single larger record is still fetched, alone.
_FETCH_BYTES = 2 * 2**20
#: What a record may have beside its value.
_HEADERS_BYTES = 2**20
#: A worker that comes back within this keeps its partitions, without a rebalance. Those of one that does not come back
#: stand still this long: short, but above a loaded machine's pauses.
_SESSION_TIMEOUT = 8.0
_HEARTBEAT_INTERVAL = 2.0
#: Above the time that a drain may take.
_REBALANCE_TIMEOUT = 40.0
#: A rebalance waits for a dead member's session and for the others to drain.
REBALANCE_PATIENCE = _SESSION_TIMEOUT + _REBALANCE_TIMEOUT
#: Faust's bound for steps of a rebalance as well, and fencing may wait for a coordinator to move.
_REQUEST_TIMEOUT = 40.0
#: Seconds for one file in its decoder; the largest inputs take a few.
_DECODE_TIMEOUT = 30.0
#: The client lets a member that fetches nothing for this long drop out of its group, and a spare worker has nothing to
#: fetch. Whether a worker gets on is for the watchdog to say.
_MAX_POLL_INTERVAL = timedelta(days=3650)
#: Replicas of each table partition on other workers; a single worker has none, and works.
_STANDBY_REPLICAS = 1
#: Changelog records under way before the app's producer holds the streams back; Faust's 100 stalls a busy lane.
_CHANGELOG_IN_FLIGHT = 10_000


class App(faust.App):
    """A Faust app that ends the process on an error instead of restarting parts of itself.

    Args:
        on_failure: Ends the process.
    """

    logger = logging.getLogger("faust.app")  # mode would name it after this module

    def __init__(self, *args: Any, on_failure: Callable[[BaseException], None], **kwargs: Any) -> None:
        self._on_failure = on_failure
        super().__init__(*args, **kwargs)

    def FlowControlQueue(self, maxsize: int | None = None, *, clear_on_resume: bool = False) -> EventQueue:  # noqa: N802
        """Make the queue of a topic."""
        return EventQueue(maxsize, flow_control=self.flow_control, clear_on_resume=clear_on_resume)

    def _crash(self, reason: BaseException) -> None:
        super()._crash(reason)
        self._on_failure(reason)


@dataclass(frozen=True)
class Runtime:
    """What an agent's ``register`` gets to work with.

    Attributes:
        settings: The worker's settings.
        app: The Faust app, not yet started.
        lanes: Exactly-once delivery for the input topics that agents register.
        breaker: Ends the worker when nothing but dead letters comes.
        executor: The pool that runs their processors.
        cage: Decodes what they are sent; not yet started.
        policies: The hotels' policies.
        cache: Files that need not be encoded again.
        table: What of them survives the process.
        metrics: The worker's metrics.
        tally: Counts what agents deliver.
        governor: Turns lag into pressure on their choices.
        clocks: The time by the brokers' clocks.
        partitions: How many partitions there are, and how many can be served; a look at the cluster changes it.
        on_failure: Ends the worker.
    """

    settings: Settings
    app: App
    lanes: Lanes
    breaker: DeadLetterBreaker
    executor: ClipExecutor
    cage: Cage
    policies: PoliciesInForce
    cache: TieredCache
    table: CacheTable
    metrics: Metrics
    tally: Tally
    governor: LoadGovernor
    clocks: BrokerClocks
    partitions: PartitionCount
    on_failure: Callable[[BaseException], None]

    def topic_name(self, logical: str) -> str:
        """Real name of a topic of ``schemas/topics.yaml`` in this installation."""
        return topics.topic(logical).resolve(self.settings.topic_prefix, self.settings.group)

    def demand_assignment(self) -> None:
        """Make the group assign all its partitions anew."""
        cast("LaneConsumer", self.app.consumer).demand_assignment()

    def input_topic(self, logical: str, processor: Processor) -> TopicT:
        """Declare an input topic whose records go through exactly-once lanes to ``processor``."""
        name = self.topic_name(logical)
        self.lanes.serve(name, processor)
        return raw_topic(self.app, name, _STREAM_BUFFER)

    async def deliver(self, stream: StreamT[Any]) -> None:
        """Body of an agent on an input topic."""
        await deliver(cast("faust.Stream[Any]", stream), self.lanes, self.on_failure)


def create_runtime(settings: Settings, member: str, on_failure: Callable[[BaseException], None]) -> Runtime:
    """Put a worker's parts together; call it inside the running event loop.

    Args:
        settings: Validated settings.
        member: Who it is in its consumer group, over restarts.
        on_failure: Ends the worker; called from any thread.
    """
    metrics = Metrics()
    app = _faust_app(settings, member, on_failure)
    table = _table(settings, app, metrics)
    threads = len(os.sched_getaffinity(0))
    executor = ClipExecutor(threads, settings.processing_timeout, metrics, on_failure)
    parts = LaneParts(
        executor=executor,
        budget=InFlightBudget(settings.max_concurrency, settings.max_in_flight_bytes, metrics),
        breaker=DeadLetterBreaker(settings.dead_letter_limit),
        store=table,
        metrics=metrics,
        on_failure=on_failure,
    )
    clocks = BrokerClocks(metrics)
    lanes = Lanes(parts, lambda member, sources: GroupProducer(settings.bootstrap_servers, member, sources, clocks))
    count = topics.topic(topics.RAW).partitions
    partitions = PartitionCount(count, count)
    app.assignor = LaneAssignor(app, _STANDBY_REPLICAS, lambda: partitions.servable)
    app.transport = LaneTransport(
        _broker_urls(settings),
        app,
        lanes=lanes,
        largest_record=max(
            settings.max_record_bytes + _HEADERS_BYTES, topics.topic(topics.DEAD_LETTER).max_message_bytes
        ),
        on_failure=on_failure,
    )
    metrics.breaker_fill_ratio.set_function(lambda: parts.breaker.fill_ratio)
    return Runtime(
        settings=settings,
        app=app,
        lanes=lanes,
        breaker=parts.breaker,
        executor=executor,
        cage=_cage(settings, threads, metrics),
        policies=PoliciesInForce(),
        cache=_cache(settings, metrics),
        table=table,
        metrics=metrics,
        tally=Tally(metrics, late=settings.lag_objective),
        governor=_governor(settings, metrics, parts.budget),
        clocks=clocks,
        partitions=partitions,
        on_failure=on_failure,
    )


def _table(settings: Settings, app: App, metrics: Metrics) -> CacheTable:
    changelog = topics.topic(topics.CACHE_CHANGELOG)
    return CacheTable(
        app,
        changelog.resolve(settings.topic_prefix, settings.group),
        shard_bytes=settings.cache_bytes,
        metrics=metrics,
    )


def _cage(settings: Settings, processes: int, metrics: Metrics) -> Cage:
    return Cage(
        processes,
        timeout=min(_DECODE_TIMEOUT, settings.processing_timeout),
        on_death=lambda code: metrics.decoder_deaths.labels(code).inc(),
    )


def _governor(settings: Settings, metrics: Metrics, budget: InFlightBudget) -> LoadGovernor:
    governor = LoadGovernor(settings.lag_objective, time.monotonic, lambda: budget.saturated)
    metrics.lag_objective.set(settings.lag_objective)
    metrics.pressure.set_function(lambda: governor.pressure.steps)
    return governor


def _cache(settings: Settings, metrics: Metrics) -> TieredCache:
    cache = TieredCache(
        settings.cache_bytes,
        Lifetime(settings.cache_ttl),
        time.time,
        lambda reason, count: metrics.cache_evictions.labels(reason).inc(count),
    )
    metrics.cache_entries.set_function(lambda: len(cache))
    metrics.cache_bytes.set_function(lambda: cache.used)
    metrics.cache_budget_bytes.set_function(lambda: cache.budget)
    return cache


def _faust_app(settings: Settings, member: str, on_failure: Callable[[BaseException], None]) -> App:
    app = App(
        settings.group,
        on_failure=on_failure,
        broker=_broker_urls(settings),
        store=STORE_URL,
        datadir=str(settings.state_dir),
        web_enabled=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=_STANDBY_REPLICAS,
        TableManager=PromptTableManager,
        Stream=EventStream,
        stream_buffer_maxsize=_STREAM_BUFFER,
        stream_wait_empty=False,  # the lanes drain themselves; Faust tracks nothing of theirs
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member,
        consumer_max_fetch_size=_FETCH_BYTES,
        broker_max_poll_interval=_MAX_POLL_INTERVAL,
        broker_session_timeout=_SESSION_TIMEOUT,
        broker_heartbeat_interval=_HEARTBEAT_INTERVAL,
        broker_rebalance_timeout=_REBALANCE_TIMEOUT,
        broker_request_timeout=_REQUEST_TIMEOUT,
        producer_request_timeout=_REQUEST_TIMEOUT,
        producer_max_request_size=topics.topic(topics.CACHE_CHANGELOG).max_message_bytes,
        logging_config={"version": 1, "incremental": True},  # the worker has configured logging already
    )
    app.producer.buffer.max_messages = _CHANGELOG_IN_FLIGHT
    return app


def _broker_urls(settings: Settings) -> list[URL]:
    return [URL(f"kafka://{server.strip()}") for server in settings.bootstrap_servers.split(",")]
