"""An API process: reads the settings, creates all parts, and serves until it gets a stop signal."""

import asyncio
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import structlog
import uvicorn
import uvloop
from aiokafka.errors import KafkaError

from agents.signals import call_on_stop_signal
from schemas import topics
from streams.api.access import ApiAccess
from streams.api.app import create_app
from streams.api.auditing import AccessAudit
from streams.api.context import ApiContext
from streams.api.fetching import RecordFetcher
from streams.api.index.changes import TOPICS
from streams.api.index.feeder import IndexFeeder
from streams.api.index.result_index import ResultIndex
from streams.api.sending import Sender
from streams.api.watching import BrokerWatch
from streams.kafka.topic_errors import TopicError
from streams.kafka.topics import check_topics
from streams.runtime.api_settings import ApiSettings
from streams.runtime.endpoint_url import endpoint_url
from streams.runtime.environment_check import without_effect
from streams.runtime.http_access import access_of
from streams.runtime.login_audit import LoginAudit
from streams.runtime.policies import PoliciesInForce, PolicyReader
from streams.runtime.process_metrics import show_readiness, versions
from streams.runtime.readiness import Readiness
from streams.runtime.setting_declaration import SettingsError, shown
from streams.runtime.start_problems import endpoint_problem, kafka_problem
from streams.runtime.state_directory import StateDirectoryError, own_state_directory
from streams.runtime.store_metrics import StoreObserver, show_pools
from streams.security.rate_limit import SlidingWindow
from streams.stores import Stores
from streams.telemetry.logs import configure_logs, flush_logs, quiet_libraries
from streams.telemetry.metrics import ApiProcessMetrics

log = structlog.get_logger(__name__)

EXIT_FAILED, EXIT_USAGE = 1, 2
#: Beside a worker's state, which has a lock of its own.
_DIRECTORY = "api"
_INDEX = "index.sqlite"
_STOP_WITHIN = 10  # seconds for requests in progress


class StartError(Exception):
    """The process cannot start; the message is one line for the operator."""


def main() -> int:
    """Run one API process with the settings from the environment; returns its exit code."""
    try:
        settings = ApiSettings.from_environment(os.environ)
        access = _access(settings)
    except SettingsError as error:
        configure_logs("info", versions()["version"])
        log.error("api_not_started", reason=str(error))  # noqa: TRY400  for the operator, not for a developer
        return EXIT_USAGE
    configure_logs(settings.log_level, versions()["version"], settings.log_format)
    for one in without_effect(os.environ):
        log.warning("unknown_setting", variable=one.variable, reason=one.remark)
    try:
        with own_state_directory(settings.state_dir / _DIRECTORY), _uvloop() as runner:
            runner.run(run(settings, access))
    except (StartError, StateDirectoryError) as error:
        log.error("api_not_started", reason=str(error))  # noqa: TRY400  for the operator, not for a developer
        return EXIT_FAILED
    flush_logs()
    return 0


async def run(settings: ApiSettings, access: ApiAccess) -> None:
    """Serve until a stop signal (`agents.signals`).

    Args:
        settings: Validated settings.
        access: Who may do what.

    Raises:
        StartError: When brokers, topics or the HTTP port are not available.
    """
    stop = asyncio.Event()
    call_on_stop_signal(asyncio.get_running_loop(), stop.set)
    listening = _listen(settings)
    await _check_topics(settings)
    async with _context(settings, access, stop) as context:
        server = _Server(_configuration(context))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        url = endpoint_url(settings.http_host, listening.getsockname()[1], tls=settings.http_tls is not None)
        log.info("api_started", url=url, settings=shown(settings))
        if access.open:
            log.warning("api_open", reason="no keys are configured: anybody on this machine may do everything")
        telling = asyncio.create_task(_tell_when_ready(context, url))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopped}, return_when=asyncio.FIRST_COMPLETED)
        quiet_libraries()
        telling.cancel()
        stopped.cancel()
        server.should_exit = True
        await serving
    log.info("api_stopped")


class _Server(uvicorn.Server):
    """uvicorn without handlers of signals, which are ours."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvloop() -> "asyncio.Runner":
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _configuration(context: ApiContext) -> uvicorn.Config:
    tls = context.settings.http_tls
    return uvicorn.Config(
        create_app(context),
        http="httptools",
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose they are is for streams.security.client_address to say
        timeout_graceful_shutdown=_STOP_WITHIN,
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )


def _access(settings: ApiSettings) -> ApiAccess:
    """Who is let in.

    Raises:
        SettingsError: If nobody has to show a credential, and other machines could ask.
    """
    access = ApiAccess(access_of(settings), SlidingWindow(settings.api_key_rate))
    if access.open and not _is_loopback(settings.http_host):
        raise SettingsError(
            f"AUDIO_HTTP_HOST={settings.http_host}: without AUDIO_API_KEYS_FILE, AUDIO_JWT_ISSUER or AUDIO_ADMIN_TOKEN"
            " the API is open, and serves this machine alone"
        )
    return access


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(settings: ApiSettings) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.http_host, settings.api_port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        raise StartError(endpoint_problem(error, settings.http_host, "AUDIO_API_PORT", settings.api_port)) from None
    return listening


async def _check_topics(settings: ApiSettings) -> None:
    try:
        await check_topics(settings.connection, settings.topic_prefix, settings.group)
    except (TopicError, KafkaError, OSError) as error:
        raise StartError(kafka_problem(error, settings.bootstrap_servers)) from None


@contextlib.asynccontextmanager
async def _context(settings: ApiSettings, access: ApiAccess, stop: asyncio.Event) -> AsyncIterator[ApiContext]:
    """The parts of the process; what works in the background runs until the context is left."""
    connection, metrics, names = settings.connection, ApiProcessMetrics(), _TopicNames(settings)
    index = ResultIndex(settings.state_dir / _DIRECTORY / _INDEX, [names(one) for one in TOPICS])
    feeder = IndexFeeder(connection, index)
    policies = PoliciesInForce()
    reader = PolicyReader(connection, names(topics.POLICY), policies, metrics)
    logins = LoginAudit(connection, names(topics.AUDIT), metrics)
    watch = BrokerWatch(connection)
    stores = Stores.of(settings.store_configuration, StoreObserver(metrics))
    show_pools(metrics, stores)
    readiness = _readiness(watch, feeder, reader, stop)
    context = ApiContext(
        settings=settings,
        connection=connection,
        index=index,
        feeder=feeder,
        fetcher=RecordFetcher(connection),
        producer=_sender(settings, names),
        access=replace(access, http=replace(access.http, refused=logins.refused)),
        policies=policies,
        claim_check=settings.claim_check(stores),
        opener=lambda record: record,
        audit=AccessAudit(connection, names(topics.AUDIT)),
        readiness=readiness,
        metrics=metrics,
        status=_status(settings, access, readiness, feeder),
        topic_name=names,
    )
    _show(metrics, feeder, readiness)
    work = [asyncio.create_task(_again(one)) for one in (feeder.run, reader.run, logins.run, watch.run)]
    try:
        yield context
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        await asyncio.gather(context.producer.close(), context.fetcher.close(), context.audit.close())
        stores.close()
        index.close()


@dataclass(frozen=True, slots=True)
class _TopicNames:
    """Full names of topics by their logical ones."""

    settings: ApiSettings

    def __call__(self, logical: str) -> str:
        return topics.topic(logical).resolve(self.settings.topic_prefix, self.settings.group)


def _sender(settings: ApiSettings, names: _TopicNames) -> Sender:
    return Sender(
        settings.connection,
        names(topics.RAW),
        names(topics.RECORDINGS),
        settings.store_configuration,
        inline_limit=settings.inline_limit,
        max_size=settings.max_size,
    )


def _readiness(watch: BrokerWatch, feeder: IndexFeeder, reader: PolicyReader, stop: asyncio.Event) -> Readiness:
    return Readiness(
        {
            "brokers_answer": lambda: watch.brokers_answer,
            "index_loaded": lambda: feeder.loaded,
            "policies_loaded": lambda: reader.loaded,
            "not_stopping": lambda: not stop.is_set(),
        }
    )


def _show(metrics: ApiProcessMetrics, feeder: IndexFeeder, readiness: Readiness) -> None:
    metrics.build.info(versions())
    metrics.api_index_loaded.set_function(lambda: float(feeder.loaded))
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


async def _tell_when_ready(context: ApiContext, url: str) -> None:
    await context.readiness.wait()
    log.info("api_ready", url=url, document=f"{url}/openapi.json")
