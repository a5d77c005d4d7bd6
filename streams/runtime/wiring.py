"""Creates the parts of one worker process: the Faust app and everything around it."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from schemas import topics
from streams.cache import Lifetime, TieredCache
from streams.compression import LoadGovernor
from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.executor import RecordExecutor
from streams.delivery.lane_parts import LaneParts
from streams.delivery.lanes import Lanes
from streams.delivery.outcome import Processor, RecordingProcessor
from streams.delivery.transactions import GroupProducer
from streams.engine.app import App, create_app
from streams.engine.tables import CacheTable
from streams.kafka.broker_clocks import BrokerClocks
from streams.kafka.connection import KafkaConnection
from streams.kafka.topology import PartitionCount
from streams.runtime.low_priority import yield_to_others
from streams.runtime.policies import PoliciesInForce
from streams.runtime.sealing import RecordSealer
from streams.runtime.sealing_settings import open_key_store
from streams.runtime.settings import Settings
from streams.runtime.store_metrics import StoreObserver, show_pools
from streams.sandbox import DecoderSandbox
from streams.sealing import KeyCommits, KeyRing
from streams.stores import Stores
from streams.stores.claim_check import ClaimCheck
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.recorder import MetricsRecorder

#: Recordings that a worker processes at a time. One is downloaded or stored while another is encoded; more would only
#: take memory, since the chunks of one keep all cores busy.
RECORDINGS_AT_ONCE = 2
#: Bytes that a record's headers may add to its value.
_HEADERS_BYTES = 2**20
#: Seconds for one file in its decoder; the largest inputs take a few.
_DECODE_TIMEOUT = 30.0


@dataclass(frozen=True)
class Runtime:
    """The parts of a worker, given to each agent's ``register``.

    Attributes:
        settings: The worker's settings.
        connection: How its Kafka clients connect. The settings make a new one each time, from the certificates' files.
        app: The Faust app, not yet started.
        lanes: Exactly-once delivery for the input topics that agents register.
        breaker: Ends the worker when all recent outcomes are dead letters.
        executor: The thread pool that processes live records.
        recordings: The thread pool that processes recordings.
        sandbox: Decodes files in child processes; not yet started.
        policies: The hotels' policies.
        claim_check: Exchanges audio that is too large for a record for references to it.
        cache: The memory cache of encoded files.
        table: The cache table, which survives the process.
        metrics: The worker's metrics.
        recorder: Counts the agents' outcomes.
        ring: The keys of sealed calls; not yet started.
        sealer: Seals what is committed, and opens sealed inputs.
        governor: Turns lag into pressure on the choice of levels.
        clocks: The time by the brokers' clocks.
        partitions: Numbers of partitions; the monitor updates them.
        on_failure: Ends the worker.
    """

    settings: Settings
    connection: KafkaConnection
    app: App
    lanes: Lanes
    breaker: DeadLetterBreaker
    executor: RecordExecutor
    recordings: RecordExecutor
    sandbox: DecoderSandbox
    policies: PoliciesInForce
    claim_check: ClaimCheck
    cache: TieredCache
    table: CacheTable
    metrics: Metrics
    recorder: MetricsRecorder
    ring: KeyRing
    sealer: RecordSealer
    governor: LoadGovernor
    clocks: BrokerClocks
    partitions: PartitionCount
    on_failure: Callable[[BaseException], None]

    @property
    def stores(self) -> Stores:
        """The object stores."""
        return self.claim_check.stores

    def topic_name(self, logical: str) -> str:
        """Full name of a topic of ``schemas/topics.yaml`` in this installation."""
        return topics.topic(logical).resolve(self.settings.topic_prefix, self.settings.group)

    def serve(
        self,
        logical: str,
        processor: Processor[Any] | None,
        recordings: RecordingProcessor[Any] | None = None,
        *,
        agent: str,
    ) -> None:
        """Add a Faust agent whose records go through exactly-once lanes to its processors.

        Args:
            logical: The input topic's name in ``schemas/topics.yaml``.
            processor: Turns each live record into its outcome; None where every record is a recording.
            recordings: Turns each recording into its outcome; None where there are none.
            agent: Name of the agent.
        """
        name = self.topic_name(logical)
        self.lanes.serve(name, processor, recordings)
        self.app.add_agent(agent, name, self.lanes)


def create_runtime(settings: Settings, member: str, on_failure: Callable[[BaseException], None]) -> Runtime:
    """Create a worker's parts; call it inside the running event loop.

    Args:
        settings: Validated settings.
        member: The worker's ``group.instance.id``, kept over restarts.
        on_failure: Ends the worker; called from any thread.
    """
    metrics = Metrics()
    connection = settings.connection
    app = create_app(connection, settings.group, member, state_directory=settings.state_dir, on_failure=on_failure)
    table = _table(settings, app, metrics)
    keys = topics.topic(topics.KEYS).resolve(settings.topic_prefix, settings.group)
    threads = len(os.sched_getaffinity(0))
    policies = PoliciesInForce()
    ring, sealer = _sealing(settings, connection, keys, policies)
    parts = replace(_lane_parts(settings, threads, table, metrics, on_failure), sealer=sealer)
    clocks = BrokerClocks(lambda broker, seconds: metrics.clock_ahead.labels(broker).set(seconds))
    lanes = Lanes(
        parts, lambda member, tps: KeyCommits(GroupProducer(connection, member, tps, clocks), sealer.maker, keys)
    )
    count = topics.topic(topics.RAW).partitions
    partitions = PartitionCount(count, count)
    app.deliver_through(lanes, servable=lambda: partitions.servable, largest_record=_largest_record(settings))
    metrics.breaker_fill_ratio.set_function(lambda: parts.breaker.fill_ratio)
    return Runtime(
        settings=settings,
        connection=connection,
        app=app,
        lanes=lanes,
        breaker=parts.breaker,
        executor=parts.executor,
        recordings=parts.recordings,
        sandbox=_sandbox(settings, threads, metrics),
        policies=policies,
        claim_check=replace(_claim_check(settings, metrics), find=ring.find),
        cache=_cache(settings, metrics),
        table=table,
        metrics=metrics,
        recorder=MetricsRecorder(metrics, late=settings.lag_objective),
        ring=ring,
        sealer=sealer,
        governor=_governor(settings, metrics, parts.budget),
        clocks=clocks,
        partitions=partitions,
        on_failure=on_failure,
    )


def _sealing(
    settings: Settings, connection: KafkaConnection, topic: str, policies: PoliciesInForce
) -> tuple[KeyRing, RecordSealer]:
    ring = KeyRing(connection, topic, partial(open_key_store, settings))
    return ring, RecordSealer(ring, topic, settings, policies)


def _lane_parts(
    settings: Settings,
    threads: int,
    table: CacheTable,
    metrics: Metrics,
    on_failure: Callable[[BaseException], None],
) -> LaneParts:
    timeout = settings.processing_timeout
    return LaneParts(
        executor=RecordExecutor(threads, timeout, metrics, on_failure),
        recordings=RecordExecutor(
            RECORDINGS_AT_ONCE, timeout, metrics, on_failure, name="recording", begin=yield_to_others
        ),
        budget=InFlightBudget(settings.max_concurrency, settings.max_in_flight_bytes, metrics),
        breaker=DeadLetterBreaker(settings.dead_letter_limit),
        store=table,
        metrics=metrics,
        on_failure=on_failure,
    )


def _largest_record(settings: Settings) -> int:
    return max(settings.max_record_bytes + _HEADERS_BYTES, topics.topic(topics.DEAD_LETTER).max_message_bytes)


def _table(settings: Settings, app: App, metrics: Metrics) -> CacheTable:
    changelog = topics.topic(topics.CACHE_CHANGELOG)
    return CacheTable(
        app,
        changelog.resolve(settings.topic_prefix, settings.group),
        shard_bytes=settings.cache_bytes,
        metrics=metrics,
    )


def _sandbox(settings: Settings, processes: int, metrics: Metrics) -> DecoderSandbox:
    return DecoderSandbox(
        processes,
        timeout=min(_DECODE_TIMEOUT, settings.processing_timeout),
        on_death=lambda code: metrics.decoder_deaths.labels(code).inc(),
    )


def _claim_check(settings: Settings, metrics: Metrics) -> ClaimCheck:
    stores = Stores.of(settings.store_configuration, StoreObserver(metrics))
    show_pools(metrics, stores)
    return settings.claim_check(stores)


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
