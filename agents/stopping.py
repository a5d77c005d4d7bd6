"""How a worker stops: everything in flight is committed, and if the worker is surplus, it leaves its group for good."""

import asyncio

import structlog
from aiokafka.errors import KafkaError

from streams.runtime.replicas import is_surplus
from streams.runtime.wiring import Runtime
from streams.telemetry.logs import quiet_libraries

log = structlog.get_logger(__name__)

#: Seconds for the group's coordinator to confirm that this member leaves.
_LEAVE_TIMEOUT = 5.0
#: Seconds for Faust to close its connections.
_STOP_TIMEOUT = 20.0


async def stop_work(runtime: Runtime) -> None:
    """Drain the lanes, then stop the app. An error ends the process; the next owner continues at what is committed."""
    log.info("worker_stopping")
    quiet_libraries()
    try:
        await _stop(runtime)
    except Exception as error:  # noqa: BLE001  such as brokers that do not answer
        runtime.on_failure(error)


async def _stop(runtime: Runtime) -> None:
    settings = runtime.settings
    runtime.app.consumer.stop_flow()
    surplus, _ = await asyncio.gather(is_surplus(settings.ordinal, settings.replicas_from), runtime.lanes.close())
    runtime.executor.shutdown()
    runtime.recordings.shutdown()
    runtime.stores.close()
    if surplus:
        await _leave_group(runtime)
    try:
        await asyncio.wait_for(runtime.app.stop(), _STOP_TIMEOUT)
    except TimeoutError:  # all is committed; the group removes this member after the session timeout
        log.warning("faust_did_not_stop")


async def _leave_group(runtime: Runtime) -> None:
    """Give the partitions to the other workers at once, which otherwise wait for this session to expire."""
    try:
        await asyncio.wait_for(runtime.app.leave_group(), _LEAVE_TIMEOUT)
        log.info("group_left", ordinal=runtime.settings.ordinal)
    except (KafkaError, TimeoutError) as error:
        log.warning("group_not_left", reason=str(error) or type(error).__name__)
