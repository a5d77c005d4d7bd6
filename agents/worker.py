"""The worker process: reads the settings, creates all parts, and runs until it gets a stop signal."""

import asyncio
import contextlib
import gc
import logging
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
import uvloop
from aiokafka.errors import KafkaError
from threadpoolctl import threadpool_limits

from agents.archive import archive_follower
from agents.compress import agent as compress_agent
from agents.monitoring import monitor_of
from agents.recordings import agent as recordings_agent
from agents.recordings.work_files import remove_all
from agents.signals import call_on_stop_signal
from agents.stopping import stop_work
from schemas.access import load_roles
from schemas.topics import AUDIT, POLICY
from streams.kafka.topic_errors import TopicError
from streams.kafka.topics import check_topics, servable_partitions
from streams.runtime.cache_maintenance import CacheMaintenance
from streams.runtime.decoders import DecodersError, start_decoders
from streams.runtime.environment_check import without_effect
from streams.runtime.exit_log import ExitLog
from streams.runtime.fail_stop import EXIT_FAILED, Watchdog, fail_stop
from streams.runtime.http_access import HttpAccess, access_of
from streams.runtime.http_server import WebServer
from streams.runtime.login_audit import LoginAudit
from streams.runtime.memory import MemoryGauge
from streams.runtime.monitor import Monitor
from streams.runtime.policies import PolicyReader
from streams.runtime.process_metrics import show_process_metrics, show_readiness, versions
from streams.runtime.readiness import Readiness
from streams.runtime.sealing_settings import has_key_store
from streams.runtime.setting_declaration import SettingsError, shown
from streams.runtime.settings import Settings
from streams.runtime.start_problems import endpoint_problem, kafka_problem
from streams.runtime.state_directory import StateDirectoryError, own_state_directory
from streams.runtime.status import Status
from streams.runtime.wiring import Runtime, create_runtime
from streams.telemetry.log_writer import LogWriter
from streams.telemetry.logs import configure_logs, flush_logs
from streams.telemetry.recent_errors import RecentErrors

log = structlog.get_logger(__name__)

EXIT_USAGE = 2
#: Seconds between two looks whether anything is to be sealed.
_KEYS_INTERVAL = 1.0
#: Seconds after which a thread that runs Python code has to release the interpreter. The event loop needs it after
#: every system call, and with Python's default of 5 ms each step of a transaction would wait for the pool.
_SWITCH_INTERVAL = 0.0001
#: New objects between two runs of the garbage collector; Python's default is 700. Records leave no reference cycles,
#: so that there is little to collect.
_OBJECTS_PER_COLLECTION = 10_000


class StartError(Exception):
    """The worker cannot start; the message is one line for the operator."""


def main() -> int:
    """Run one worker with the settings from the environment; returns an exit code if it could not start."""
    try:
        settings = Settings.from_environment(os.environ)
        access = access_of(settings)
    except SettingsError as error:
        configure_logs("info", versions()["version"])
        log.error("worker_not_started", reason=str(error))  # noqa: TRY400  for the operator, not for a developer
        return EXIT_USAGE
    logs = configure_logs(settings.log_level, versions()["version"], settings.log_format)
    for one in without_effect(os.environ):
        log.warning("unknown_setting", variable=one.variable, reason=one.remark)
    sys.setswitchinterval(_SWITCH_INTERVAL)
    threadpool_limits(1)  # every core processes a record already; more threads would only wait for each other, spinning
    errors = RecentErrors()
    logging.getLogger().addHandler(errors)
    exits = ExitLog(settings.state_dir)
    try:
        with own_state_directory(settings.state_dir) as member:
            # Its TLS takes half the processor time of asyncio's, see docs/BENCHMARKS.md.
            uvloop.run(run(settings, member, access=access, exits=exits, errors=errors, logs=logs))
            with contextlib.suppress(OSError):  # all work is committed; a full disk must not turn it into a failure
                exits.end("stopped")
    except (StartError, StateDirectoryError) as error:
        log.error("worker_not_started", reason=str(error))  # noqa: TRY400  for the operator, not for a developer
        return EXIT_FAILED
    except Exception as error:  # noqa: BLE001  a bug; it ends the worker as any other would
        fail_stop(exits, error)
    # Threads with a record over its time limit cannot be stopped, and would keep the process alive; all is committed.
    flush_logs()
    os._exit(0)


async def run(
    settings: Settings, member: str, *, access: HttpAccess, exits: ExitLog, errors: RecentErrors, logs: LogWriter
) -> None:
    """Run one worker until it gets a stop signal (`agents.signals`), then drain and stop.

    Args:
        settings: Validated settings.
        member: The worker's ``group.instance.id``, kept over restarts.
        access: Who may see the status.
        exits: Stores why the worker ends after an error.
        errors: The latest warnings and errors, for the status.
        logs: The log writer.

    Raises:
        StartError: When brokers, topics or the HTTP port are not available.
    """
    stop = asyncio.Event()
    call_on_stop_signal(asyncio.get_running_loop(), stop.set)
    _begin_run(exits, settings)
    runtime = create_runtime(settings, member, partial(fail_stop, exits))
    logs.count_drops(runtime.metrics.log_lines_dropped.inc)
    # Concurrently: the partitions of a restarted worker are not processed until it runs.
    if await _finished_before(stop, asyncio.gather(_check_environment(runtime), _start_decoders(runtime))):
        await _work(runtime, access, exits, errors, stop)
    log.info("worker_stopped")


async def _work(
    runtime: Runtime, access: HttpAccess, exits: ExitLog, errors: RecentErrors, stop: asyncio.Event
) -> None:
    settings, metrics, on_failure = runtime.settings, runtime.metrics, runtime.on_failure
    _register_agents(runtime)
    policies = PolicyReader(runtime.connection, runtime.topic_name(POLICY), runtime.policies, metrics)
    watchdog = Watchdog(settings.stall_timeout, on_failure)
    monitor = monitor_of(runtime, watchdog)
    memory = MemoryGauge(settings.memory_limit)
    readiness = _readiness(runtime, policies, monitor, stop)
    status = Status(runtime, monitor, readiness, exits, errors)
    show_process_metrics(metrics, memory, settings.state_dir, exits)
    show_readiness(metrics, readiness)
    logins = LoginAudit(runtime.connection, runtime.topic_name(AUDIT), metrics)
    web = _web_server(runtime, readiness, status, policies, replace(access, refused=logins.refused))
    port = await _listen(web, settings)
    place = {"group": settings.group, "http_port": port, "state_dir": str(settings.state_dir)}
    log.info("worker_started", **place, settings=shown(settings))
    watchdog.start()
    work = (
        policies.run(),
        monitor.run(),
        logins.run(),
        _cache_maintenance(runtime, memory).run(),
        *(executor.enforce_timeouts() for executor in (runtime.executor, runtime.recordings)),
        archive_follower(runtime).run(),
        _follow_keys(runtime),
        _start_app(runtime, policies),
        _tell_when_ready(readiness, settings, web),
    )
    background = [_guarded(coroutine, on_failure) for coroutine in work]
    await stop.wait()
    for task in background:
        task.cancel()
    await stop_work(runtime)
    remove_all(settings.state_dir / recordings_agent.DIRECTORY)
    watchdog.stop()
    await web.stop()


def _web_server(
    runtime: Runtime, readiness: Readiness, status: Status, policies: PolicyReader, access: HttpAccess
) -> WebServer:
    metrics, tls = runtime.metrics, runtime.settings.http_tls
    where = (runtime.settings.http_host, runtime.settings.http_port)
    return WebServer(where, metrics, readiness, status=status.report, policy=policies.report, access=access, tls=tls)


def _register_agents(runtime: Runtime) -> None:
    recorder = recordings_agent.recorder_of(runtime)
    compress_agent.register(runtime, recorder)
    recordings_agent.register(runtime, recorder)


async def _finished_before(stop: asyncio.Event, work: "asyncio.Future[Any]") -> bool:
    """Wait for work or a stop; return whether the work was done. Raises the work's error."""
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait({stopped, work}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not stop.is_set():
        await work
        return True
    work.add_done_callback(lambda done: done.cancelled() or done.exception())  # its error is of no interest any more
    work.cancel()
    return False


def _begin_run(exits: ExitLog, settings: Settings) -> None:
    try:
        exits.begin()
    except OSError as error:
        raise StartError(f"AUDIO_STATE_DIR={settings.state_dir}: {error.strerror}") from None


def _cache_maintenance(runtime: Runtime, memory: MemoryGauge) -> CacheMaintenance:
    return CacheMaintenance(
        runtime.cache,
        runtime.table,
        runtime.settings.cache_bytes,
        memory,
        runtime.metrics,
        may_write=lambda: runtime.lanes.ready,
    )


def _readiness(runtime: Runtime, policies: PolicyReader, monitor: Monitor, stop: asyncio.Event) -> Readiness:
    return Readiness(
        {
            "assigned": lambda: runtime.lanes.assigned and not monitor.awaits_assignment,
            "recovered": lambda: runtime.lanes.ready,
            "policies_loaded": lambda: policies.loaded,
            "keys_known": lambda: runtime.sealer.usable,
            "brokers_answer": lambda: monitor.brokers_answer,
            "offsets_in_log": lambda: monitor.offsets_in_log,
            "stores_answer": lambda: runtime.stores.can_write,
            "topics_present": lambda: not monitor.topology.missing,
            "not_stopping": lambda: not stop.is_set(),
        }
    )


async def _listen(web: WebServer, settings: Settings) -> int:
    try:
        return await web.start()
    except OSError as error:
        raise StartError(endpoint_problem(error, settings.http_host, "AUDIO_HTTP_PORT", settings.http_port)) from None


async def _tell_when_ready(readiness: Readiness, settings: Settings, web: WebServer) -> None:
    """Log once that inputs are processed, with the addresses that somebody at a terminal needs next."""
    await readiness.wait()
    place = {"brokers": settings.bootstrap_servers, "group": settings.group}
    log.info("worker_ready", **place, health=f"{web.url}/health/ready", metrics=f"{web.url}/metrics")


async def _start_decoders(runtime: Runtime) -> None:
    try:
        await start_decoders(runtime.sandbox, runtime.settings, runtime.metrics)
    except DecodersError as error:
        raise StartError(str(error)) from None


async def _follow_keys(runtime: Runtime) -> None:
    """Follow the topic of keys as soon as anything has to be sealed, or there is a key store to open sealed inputs."""
    while not (runtime.sealer.wanted or has_key_store(runtime.settings)):  # noqa: ASYNC110  neither sets an event
        await asyncio.sleep(_KEYS_INTERVAL)
    metrics, ring = runtime.metrics, runtime.ring
    metrics.keys_awaited.set_function(lambda: int(not runtime.sealer.usable))
    metrics.keys_living.set_function(lambda: ring.counts.current + ring.counts.earlier)
    metrics.keys_erased.set_function(lambda: ring.counts.erased)
    metrics.key_epoch_age.set_function(lambda: ring.epoch_age)
    await ring.run()


async def _start_app(runtime: Runtime, policies: PolicyReader) -> None:
    """Start Faust when the hotels' policies are known: a legal hold must not be missed."""
    await policies.wait_loaded()
    gc.freeze()  # the objects created so far stay
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    # Faust's start returns when partitions are assigned and tables recovered, which may take long.
    await runtime.app.start()


async def _check_environment(runtime: Runtime) -> None:
    settings = runtime.settings
    try:
        names = load_roles()["worker"].topics
        states = await check_topics(runtime.connection, settings.topic_prefix, settings.group, names)
    except (TopicError, KafkaError, OSError) as error:
        raise StartError(kafka_problem(error, settings.bootstrap_servers)) from None
    runtime.partitions.input, runtime.partitions.servable = states[0].partitions, servable_partitions(states)


def _guarded(coroutine: Coroutine[Any, Any, None], on_failure: Callable[[BaseException], None]) -> "asyncio.Task[None]":
    def fail_on_error(task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            on_failure(error)

    task = asyncio.create_task(coroutine)
    task.add_done_callback(fail_on_error)
    return task
