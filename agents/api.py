"""An API process: reads the settings, creates all parts, and serves until it gets a stop signal."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Iterator

import structlog
import uvicorn
import uvloop
from aiokafka.errors import KafkaError

from agents.api_wiring import DIRECTORY, EXIT_FAILED, api_context
from agents.signals import call_on_stop_signal
from schemas.topics import AUDIT, KEYS, POLICY, REPLAYS
from streams.api.access import ApiAccess
from streams.api.app import create_app
from streams.api.context import ApiContext
from streams.api.http_protocol import HttpProtocol, end_dead_connections
from streams.api.index.changes import TOPICS
from streams.api.routes import ROUTES
from streams.console.app import Console
from streams.kafka.topic_errors import TopicError
from streams.kafka.topics import check_topics
from streams.runtime.api_settings import ApiSettings
from streams.runtime.decoders import DecodersError
from streams.runtime.endpoint_url import endpoint_url
from streams.runtime.environment_check import without_effect
from streams.runtime.http_access import access_of
from streams.runtime.process_metrics import versions
from streams.runtime.setting_declaration import SettingsError, shown
from streams.runtime.start_problems import endpoint_problem, kafka_problem
from streams.runtime.state_directory import StateDirectoryError, own_state_directory
from streams.security.rate_limit import SlidingWindow
from streams.telemetry.logs import configure_logs, flush_logs, quiet_libraries

log = structlog.get_logger(__name__)

EXIT_USAGE = 2
_STOP_WITHIN = 10  # seconds for requests in progress
_KEEP_ALIVE = 75  # seconds; proxies keep their connections for 60, and must not use one that is being closed
#: Seconds for which a thread may keep the interpreter from the event loop, which answers; by default ten times as much.
_SWITCH_AFTER = 0.0005
#: What it reads or writes.
_TOPICS = (*TOPICS, AUDIT, KEYS, POLICY, REPLAYS)


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
        with own_state_directory(settings.state_dir / DIRECTORY), _uvloop() as runner:
            runner.run(run(settings, access))
    except (StartError, StateDirectoryError, DecodersError) as error:
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
    sys.setswitchinterval(_SWITCH_AFTER)
    stop = asyncio.Event()
    call_on_stop_signal(asyncio.get_running_loop(), stop.set)
    listening = _listen(settings)
    await _check_topics(settings)
    async with api_context(settings, access, stop) as context:
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
        Console(create_app(context), {one.path for one in ROUTES}),
        http=HttpProtocol,
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # whose they are is for streams.security.client_address to say
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_STOP_WITHIN,
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )


def _access(settings: ApiSettings) -> ApiAccess:
    """Who is let in.

    Raises:
        SettingsError: If a file with keys cannot be used.
    """
    return ApiAccess(access_of(settings), SlidingWindow(settings.api_key_rate))


def _listen(settings: ApiSettings) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(settings.http_host, settings.api_port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        end_dead_connections(listening)
        listening.bind(address)
    except OSError as error:
        raise StartError(endpoint_problem(error, settings.http_host, "AUDIO_API_PORT", settings.api_port)) from None
    return listening


async def _check_topics(settings: ApiSettings) -> None:
    try:
        await check_topics(settings.connection, settings.topic_prefix, settings.group, _TOPICS)
    except (TopicError, KafkaError, OSError) as error:
        raise StartError(kafka_problem(error, settings.bootstrap_servers)) from None


async def _tell_when_ready(context: ApiContext, url: str) -> None:
    await context.readiness.wait()
    log.info("api_ready", url=url, document=f"{url}/openapi.json")
