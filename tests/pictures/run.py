"""A run of five minutes with several events, for the dashboard's picture.

It has its own Kafka, two workers and Prometheus. Calls arrive steadily; then more than the workers can process; then
one worker is killed and restarted; then a sender sends bad inputs. The oracle judges the outcomes at the end.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from infra.grafana.data import Span
from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from infra.monitoring.configuration import Monitoring
from infra.monitoring.local import LocalMonitoring
from scripts.cli import CommandError
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import PlannedInput
from tests.chaos.workers import Worker, running
from tests.chaos.workload import calls
from tests.pictures.timeline import Event, Timeline

SECONDS = 300
_BURST, _BURST_ENDS, _KILL, _RETURN, _GARBAGE = 45, 85, 165, 190, 235  # seconds
_STEADY_RATE, _GARBAGE_RATE, _GARBAGE_SECONDS = 8, 6, 20  # inputs each second
_HELD_WAITING = 400  # inputs, in the burst: several seconds of work
_SCRAPE_S = 2
# One clip at a time is one transaction for each: a capacity that does not depend on the machine's cores.
_SETTINGS = {"AUDIO_LAG_OBJECTIVE": "2s", "AUDIO_MAX_CONCURRENCY": "1", "AUDIO_MEMORY_LIMIT": "1GB"}
_PREFIX, _GROUP = "", "picture"
_HOTELS = ("lisbon", "seaside", "harbour")
_ANSWERED_WITHIN_S = 60.0


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A finished run, whose Prometheus still runs.

    Attributes:
        url: URL of Prometheus.
        timeline: The events of the run.
        span: The time range of the data.
    """

    url: str
    timeline: Timeline
    span: Span


class DashboardRun:
    """The run.

    Args:
        directory: For all files.
        started: Gets the callbacks that stop all processes.
        say: Called with a line before each long step.
    """

    def __init__(self, directory: Path, started: ExitStack, say: Callable[[str], None]) -> None:
        self._say = say
        port = free_ports(3)
        kafka = LocalCluster(directory / "kafka", 1, port, say)
        started.callback(kafka.stop)
        kafka.start()
        servers = kafka.bootstrap_servers
        asyncio.run(apply_topics(KafkaConnection(servers), _PREFIX, _GROUP))
        self._oracle = DeliveryOracle(servers, _PREFIX, _GROUP)
        self._workers = [
            Worker(servers, _PREFIX, _GROUP, directory / f"worker-{number}", **_SETTINGS) for number in (1, 2)
        ]
        started.enter_context(running(*self._workers))
        self._monitoring = LocalMonitoring(directory / "monitoring", port + 1, port + 2, say)
        addresses = [f"127.0.0.1:{worker.port}" for worker in self._workers]
        self._monitoring.configure(Monitoring(addresses, len(addresses), f"{_SCRAPE_S}s"))
        started.callback(self._monitoring.stop)
        self._monitoring.start()
        self._begin = time.time()

    async def execute(self, progress: Callable[[], None]) -> FinishedRun:
        """Execute the run.

        Args:
            progress: Called every second.

        Raises:
            CommandError: If the oracle finds a problem.
        """
        self._begin = time.time()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._steadily())
            tasks.create_task(self._burst())
            tasks.create_task(self._lose_a_worker())
            tasks.create_task(self._send_garbage())
            for _ in range(SECONDS):
                await asyncio.sleep(1)
                progress()
        end = time.time()
        self._say("checking all outcomes")
        await self._oracle.collect(_ANSWERED_WITHIN_S)
        if problems := self._oracle.problems():
            raise CommandError(f"{len(problems)} problems: {problems[0]}")
        return FinishedRun(self._monitoring.url, self._timeline(end), Span(self._begin, end, _SCRAPE_S, _SCRAPE_S))

    def _timeline(self, end: float) -> Timeline:
        events = (
            Event(self._begin + _BURST, "more calls than the workers can do"),
            Event(self._begin + _BURST_ENDS, "as many as before"),
            Event(self._begin + _KILL, "a worker is killed"),
            Event(self._begin + _RETURN, "it comes back"),
            Event(self._begin + _GARBAGE, "a sender sends garbage"),
        )
        tiles = (
            Event(self._begin + _BURST_ENDS - 2, "in the burst"),
            Event(self._begin + _KILL + 8, "8 s after a worker was killed"),
            Event(end, "at the end"),
        )
        return Timeline(self._begin, end, events, tiles)

    async def _steadily(self) -> None:
        await self._oracle.send(_plan(0, _STEADY_RATE * SECONDS), per_second=_STEADY_RATE)

    async def _burst(self) -> None:
        await self._until(_BURST)
        base, sent = await self._committed(), 0
        number = 1
        while time.time() < self._begin + _BURST_ENDS:
            missing = _HELD_WAITING - (sent - round(await self._committed() - base))
            if missing > 0:
                plan = _plan(number, missing)
                await self._oracle.send(plan)
                sent += len(plan)
                number += 1
            await asyncio.sleep(0.5)

    async def _lose_a_worker(self) -> None:
        worker = self._workers[-1]
        await self._until(_KILL)
        await asyncio.to_thread(worker.kill)
        await self._until(_RETURN)
        worker.start()

    async def _send_garbage(self) -> None:
        await self._until(_GARBAGE)
        plan = _plan(_GARBAGE, _GARBAGE_RATE * _GARBAGE_SECONDS, bad_share=0.6)
        await self._oracle.send(plan, per_second=_GARBAGE_RATE)

    async def _until(self, second: float) -> None:
        await asyncio.sleep(self._begin + second - time.time())

    async def _committed(self) -> float:
        """Inputs with a committed outcome, as the workers count them."""
        pages = [(await asyncio.to_thread(worker.get, "/metrics"))[1] for worker in self._workers]
        families = [family for page in pages for family in text_string_to_metric_families(page)]
        return sum(one.value for family in families if family.name == "audio_records_in" for one in family.samples)


def _plan(name: int, count: int, bad_share: float = 0.0) -> Sequence[PlannedInput]:
    """Inputs of several hotels, sent by clocks that are right: they are about delays."""
    return [replace(one, skew_ms=0) for one in calls(count, name=name, bad_share=bad_share, hotels=_HOTELS)]
