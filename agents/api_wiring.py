"""Creates the parts of an API process, and keeps running what works in its background."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog
from aiokafka.errors import KafkaError

from schemas import Policy, topics
from streams.api.access import ApiAccess
from streams.api.auditing import AccessAudit
from streams.api.bodies import Bodies
from streams.api.context import ApiContext
from streams.api.erasing import CallEraser
from streams.api.fetching import RecordFetcher
from streams.api.flow import Flow
from streams.api.inbox import Inbox
from streams.api.index.changes import TOPICS
from streams.api.index.feeder import IndexFeeder
from streams.api.index.result_index import ResultIndex
from streams.api.made_files import MadeFiles
from streams.api.memory import Memory
from streams.api.policy_changes import PolicyChanges
from streams.api.replays import Replays
from streams.api.sending import Sender, UploadSealing
from streams.api.watching import BrokerWatch
from streams.runtime.api_settings import ApiSettings
from streams.runtime.decoders import start_decoders
from streams.runtime.login_audit import LoginAudit
from streams.runtime.policies import PoliciesInForce, PolicyReader
from streams.runtime.process_metrics import show_readiness, versions
from streams.runtime.readiness import Readiness
from streams.runtime.sealing_settings import ON, open_key_store
from streams.runtime.setting_declaration import shown
from streams.runtime.store_metrics import StoreObserver, show_pools
from streams.sandbox import DecoderSandbox
from streams.sealing import KeyRing
from streams.security.sealing.sealed_record import open_record
from streams.stores import Stores
from streams.telemetry.logs import flush_logs
from streams.telemetry.metrics import ApiProcessMetrics

log = structlog.get_logger(__name__)

EXIT_FAILED = 1
#: Beside a worker's state, which has a lock of its own.
DIRECTORY = "api"
_INDEX = "index.sqlite"
_DECODERS = 2  # child processes
_DECODE_TIMEOUT = 30.0  # seconds for one file


@contextlib.asynccontextmanager
async def api_context(settings: ApiSettings, access: ApiAccess, stop: asyncio.Event) -> AsyncIterator[ApiContext]:
    """The parts of the process; what works in the background runs until the context is left."""
    connection, metrics, names = settings.connection, ApiProcessMetrics(), _TopicNames(settings)
    index = ResultIndex(settings.state_dir / DIRECTORY / _INDEX, [names(one) for one in TOPICS])
    ring = KeyRing(connection, names(topics.KEYS), partial(open_key_store, settings))
    feeder = IndexFeeder(connection, index, ring.gone)
    policies, memory, flow, watch = PoliciesInForce(), Memory(), Flow(index), BrokerWatch(connection)
    reader = PolicyReader(connection, names(topics.POLICY), policies, metrics)
    sender, logins = _sender(settings, names, policies), LoginAudit(connection, names(topics.AUDIT), metrics)
    readiness = _readiness(watch, feeder, reader, stop)
    context = ApiContext(
        settings=settings,
        connection=connection,
        index=index,
        feeder=feeder,
        flow=flow,
        fetcher=RecordFetcher(connection),
        producer=sender,
        inbox=Inbox(index, feeder, sender),
        memory=memory,
        bodies=Bodies(settings.state_dir / DIRECTORY / "uploads", settings.inline_limit, settings.max_size, memory),
        made_files=MadeFiles(settings.state_dir / DIRECTORY / "calls"),
        decoders=DecoderSandbox(_DECODERS, timeout=_DECODE_TIMEOUT),
        replays=Replays(connection, names),
        access=replace(access, http=replace(access.http, refused=logins.refused)),
        policies=policies,
        policy_changes=PolicyChanges(connection, names, reader),
        claim_check=replace(settings.claim_check(_stores(settings, metrics)), find=ring.find),
        opener=lambda record: open_record(record, ring.find),
        eraser=_eraser(settings, names, policies, reader),
        audit=AccessAudit(connection, names(topics.AUDIT)),
        readiness=readiness,
        metrics=metrics,
        status=_status(settings, access, readiness, feeder),
        topic_name=names,
    )
    _show(metrics, feeder, flow, readiness)
    await start_decoders(context.decoders, settings, metrics)
    async with _running(feeder.run, flow.run, reader.run, logins.run, watch.run, ring.run):
        yield context
    await _end(context)


@contextlib.asynccontextmanager
async def _running(*work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Work in the background until the context is left."""
    tasks = [asyncio.create_task(_again(one)) for one in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _end(context: ApiContext) -> None:
    await asyncio.gather(context.producer.close(), context.fetcher.close(), context.audit.close())
    context.decoders.close()
    context.claim_check.stores.close()
    context.index.close()


@dataclass(frozen=True, slots=True)
class _TopicNames:
    """Full names of topics by their logical ones."""

    settings: ApiSettings

    def __call__(self, logical: str) -> str:
        return topics.topic(logical).resolve(self.settings.topic_prefix, self.settings.group)


def _stores(settings: ApiSettings, metrics: ApiProcessMetrics) -> Stores:
    stores = Stores.of(settings.store_configuration, StoreObserver(metrics))
    show_pools(metrics, stores)
    return stores


def _sender(settings: ApiSettings, names: _TopicNames, policies: PoliciesInForce) -> Sender:
    sealing = UploadSealing(
        wanted=lambda hotel: settings.sealing == ON or policies.of(hotel).sealed,
        open_store=partial(open_key_store, settings),
        keys=names(topics.KEYS),
    )
    return Sender(
        settings.connection,
        names(topics.RAW),
        names(topics.RECORDINGS),
        settings.store_configuration,
        sealing,
        inline_limit=settings.inline_limit,
        max_size=settings.max_size,
    )


def _eraser(settings: ApiSettings, names: _TopicNames, policies: PoliciesInForce, reader: PolicyReader) -> CallEraser:
    async def policy(hotel: str) -> Policy:
        await reader.reach_end()
        return policies.of(hotel)

    open_store = partial(open_key_store, settings)
    return CallEraser(settings.connection, names(topics.KEYS), names(topics.AUDIT), open_store, policy)


def _readiness(watch: BrokerWatch, feeder: IndexFeeder, reader: PolicyReader, stop: asyncio.Event) -> Readiness:
    return Readiness(
        {
            "brokers_answer": lambda: watch.brokers_answer,
            "index_loaded": lambda: feeder.loaded,
            "policies_loaded": lambda: reader.loaded,
            "not_stopping": lambda: not stop.is_set(),
        }
    )


def _show(metrics: ApiProcessMetrics, feeder: IndexFeeder, flow: Flow, readiness: Readiness) -> None:
    metrics.build.info(versions())
    metrics.api_event_readers.set_function(lambda: flow.readers)
    metrics.api_index_loaded.set_function(lambda: float(feeder.loaded))
    metrics.api_index_behind.set_function(lambda: feeder.behind)
    show_readiness(metrics, readiness)
    feeder.listen(lambda changes: metrics.api_index_records.inc(len(changes)))


def _status(
    settings: ApiSettings, access: ApiAccess, readiness: Readiness, feeder: IndexFeeder
) -> Callable[[], dict[str, Any]]:
    started = time.time()

    def report() -> dict[str, Any]:
        return {
            "versions": versions(),
            "started": datetime.fromtimestamp(started, UTC).isoformat(timespec="milliseconds"),
            "ready": readiness.now(),
            "settings": shown(settings),
            "access": "open: anybody on this machine may do everything" if access.open else "by credentials",
            "index": {"loaded": feeder.loaded, "records_read": feeder.records},
        }

    return report


async def _again(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Work until cancelled, also while brokers do not answer; a bug ends the process."""
    while True:
        try:
            await work()
        except (KafkaError, OSError) as error:
            log.warning("api_delayed", error=type(error).__name__, reason=str(error))
            await asyncio.sleep(1.0)
        except Exception as error:
            log.critical("api_failed", error=type(error).__name__, exc_info=error)
            flush_logs()
            os._exit(EXIT_FAILED)
