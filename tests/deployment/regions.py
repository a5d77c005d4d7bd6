"""Two regions on one machine: a Kafka, a worker and a mirror for each, and what a reader of one region finds."""

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaProducer

from infra.kafka.cluster import LocalCluster
from infra.kafka.ports import free_ports
from tests.chaos.reading import read
from tests.chaos.records import COMPRESSED, DEAD_LETTER, NUMBER, RAW, ObservedRecord, PlannedInput
from tests.chaos.workers import ROOT, Worker
from tests.chaos.workload import partition_of

_ENDED_WITHIN_S = 60.0
_GIVEN_UP_AFTER_S = 5.0
_POLL_S = 0.5


class Region:
    """One region: a broker on its own data, which survives its death, and a worker.

    Args:
        directory: For everything of the region; its name is the region's.
        prefix: Put before every topic's name.
        group: The workers' consumer group, which is the same in every region.
    """

    def __init__(self, directory: Path, prefix: str, group: str) -> None:
        self.prefix = prefix
        self.group = group
        self._directory = directory
        self._cluster = LocalCluster(directory / "kafka", 1, free_ports(1))
        self.servers = self._cluster.bootstrap_servers
        self.worker = Worker(self.servers, prefix, group, directory / "worker")
        self._environment = self.worker.environment

    def start(self) -> None:
        """Start the broker, on the data that it has."""
        self._cluster.start()

    def kill(self) -> None:
        """End worker and broker at once, as a region that is lost."""
        self._cluster.kill(1)
        if self.worker.alive:
            self.worker.kill()

    def remove(self) -> None:
        """End everything and remove the data."""
        if self.worker.alive:
            self.worker.kill()
        self._cluster.stop()

    def command(self, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the product in this region."""
        return subprocess.run(
            self._command(module, arguments),
            env=self._environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    @contextlib.contextmanager
    def mirrored_to(self, other: "Region") -> Iterator[None]:
        """Mirror this region to the other one, until the end of the context."""
        arguments = ("run", "--to", other.servers, "--replication", "1", "--rest", f"127.0.0.1:{free_ports(1)}")
        environment = {**self._environment, "AUDIO_RUN_DIR": str(self._directory)}
        with (self._directory / "mirror.log").open("ab") as log:
            process = subprocess.Popen(
                self._command("mirror", arguments), env=environment, cwd=ROOT, stdout=log, stderr=log
            )
        try:
            yield
            assert process.poll() is None, self.mirror_log()[-3000:]
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(_ENDED_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def mirror_log(self) -> str:
        """What the mirrors from this region have logged."""
        return (self._directory / "mirror.log").read_text()

    def all_copied_to(self, other: "Region", within: float) -> None:
        """Wait until the mirror has copied everything that is in this region."""
        done = self.command("mirror", "status", "--to", other.servers, "--wait", str(within))
        assert done.returncode == 0, done.stdout + done.stderr + self.mirror_log()[-3000:]

    async def found(self, plan: Sequence[PlannedInput]) -> "Found":
        """Read the region's topics."""
        raw = await read(self.servers, [f"{self.prefix}{RAW}"], committed=False)
        outcomes = await read(
            self.servers, [f"{self.prefix}{COMPRESSED}", f"{self.prefix}{DEAD_LETTER}"], committed=True
        )
        return Found.of(plan, raw.records, outcomes.records)

    async def wait_for(self, plan: Sequence[PlannedInput], enough: "Callable[[Found], bool]", within: float) -> "Found":
        """Read the region's topics until a condition holds."""
        deadline = time.monotonic() + within
        while not enough(found := await self.found(plan)):
            assert time.monotonic() < deadline, found
            await asyncio.sleep(_POLL_S)
        return found

    @staticmethod
    def _command(module: str, arguments: Sequence[str]) -> list[str]:
        return [sys.executable, "-P", "-m", f"scripts.commands.{module}", *arguments]


@dataclass
class Sender:
    """Sends a plan at a steady rate, each call in order, until it is done or its region is lost.

    Attributes:
        acknowledged: Numbers of the inputs that the region has confirmed.
    """

    plan: Sequence[PlannedInput]
    acknowledged: set[int] = field(default_factory=set)

    async def send(self, region: Region, per_second: float) -> None:
        """Send everything."""
        producer = AIOKafkaProducer(
            bootstrap_servers=region.servers, acks="all", enable_idempotence=True, max_request_size=10**7
        )
        await producer.start()
        try:
            for planned in self.plan:
                message, partition = planned.message, partition_of(planned.call_id.encode())
                headers = list(message.headers)
                sent = await producer.send(
                    f"{region.prefix}{RAW}", message.value, message.key, partition, headers=headers
                )
                sent.add_done_callback(lambda done, number=planned.number: self._note(done, number))
                await asyncio.sleep(1 / per_second)
            await producer.flush()
        finally:
            with contextlib.suppress(TimeoutError):  # a lost region never answers
                await asyncio.wait_for(producer.stop(), _GIVEN_UP_AFTER_S)

    def _note(self, done: "asyncio.Future[object]", number: int) -> None:
        if not done.cancelled() and done.exception() is None:
            self.acknowledged.add(number)


@dataclass(frozen=True)
class Found:
    """What is in a region.

    Attributes:
        inputs: Numbers of the inputs, in the order of their partitions.
        outcomes: By number of the input, its results or dead letters in order.
        calls: By call and topic, numbers of its outcomes in order.
    """

    inputs: Sequence[int]
    outcomes: Mapping[int, Sequence[ObservedRecord]]
    calls: Mapping[tuple[str, str], Sequence[int]]

    @classmethod
    def of(
        cls, plan: Sequence[PlannedInput], raw: Sequence[ObservedRecord], outcomes: Sequence[ObservedRecord]
    ) -> "Found":
        """Assign outcomes to inputs by the input's id, which results have as ``ce_causationid``."""
        numbers = {dict(one.message.headers).get("ce_id"): one.number for one in plan if one.sample is not None}
        call_of = {one.number: one.call_id for one in plan}
        by_number: dict[int, list[ObservedRecord]] = defaultdict(list)
        calls: dict[tuple[str, str], list[int]] = defaultdict(list)
        for one in outcomes:
            written = one.header(NUMBER)
            number = int(written) if written else numbers[(one.header("ce_causationid") or "").encode()]
            by_number[number].append(one)
            calls[call_of[number], one.topic].append(number)
        return cls([int(one.header(NUMBER) or -1) for one in raw], by_number, calls)

    @property
    def without_outcome(self) -> set[int]:
        """Inputs that have no outcome."""
        return {number for number in self.inputs if number not in self.outcomes}

    @property
    def doubled(self) -> dict[int, Sequence[ObservedRecord]]:
        """Inputs with several outcomes."""
        return {number: found for number, found in self.outcomes.items() if len(found) > 1}

    def mistakes(self) -> list[str]:
        """What a reader that drops repeated inputs could notice."""
        found = [f"input {one} is there twice" for one in set(self.inputs) if self.inputs.count(one) > 1]
        for number, several in self.doubled.items():
            if len({one.topic for one in several}) > 1:
                found.append(f"{number}: a result and a dead letter")
            if len({(one.header("ce_id"), one.value) for one in several}) > len(
                {one.header("ce_id") for one in several}
            ):
                found.append(f"{number}: the same ce_id with other bytes")
        for call, numbers in self.calls.items():
            first = list(dict.fromkeys(numbers))
            if first != sorted(first):
                found.append(f"{call}: out of order")
        return found
