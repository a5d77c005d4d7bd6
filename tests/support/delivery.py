"""An in-memory Kafka and processor, for tests of lanes without a cluster."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field

from aiokafka.structs import OffsetAndMetadata

from schemas import Position, Record, Rejection
from schemas.record import TopicPartition
from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.executor import RecordExecutor
from streams.delivery.lane_parts import LaneParts
from streams.delivery.outcome import InputRecord, Lookup, Outcome, Output
from streams.delivery.recording_control import RecordingCancelledError, RecordingControl
from streams.delivery.transactions import Batch, Committed
from streams.kafka.protocol.txn_offset_commit import GroupMember
from streams.telemetry.metrics import Metrics

TOPIC = "in"


class FencedError(Exception):
    """A later owner has started."""


@dataclass
class MemoryKafka:
    """Committed outputs and offsets of one input topic; producers are fenced by epoch, as in Kafka."""

    outputs: list[tuple[int, Output]] = field(default_factory=list)
    offsets: dict[int, int] = field(default_factory=dict)
    epochs: dict[int, int] = field(default_factory=dict)
    batches: list[int] = field(default_factory=list)

    def values(self, partition: int = 0) -> list[bytes | None]:
        """Values committed to one partition, in order."""
        return [output.record.value for number, output in self.outputs if number == partition]


class MemoryTransactor:
    """A transactor on a MemoryKafka.

    Args:
        kafka: Where it commits.
        partitions: Partitions of the input.
        before_commit: Awaited within each transaction, before it takes effect.
    """

    def __init__(
        self,
        kafka: MemoryKafka,
        partitions: Collection[int],
        before_commit: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self._kafka = kafka
        self._partitions = partitions
        self._before_commit = before_commit
        self._epochs: dict[int, int] = {}
        self.stopped = False

    async def start(self) -> Committed:
        self._epochs = {partition: self._kafka.epochs.get(partition, 0) + 1 for partition in self._partitions}
        self._kafka.epochs.update(self._epochs)
        known = [partition for partition in self._partitions if partition in self._kafka.offsets]
        return {
            TopicPartition(TOPIC, partition): OffsetAndMetadata(self._kafka.offsets[partition], "")
            for partition in known
        }

    async def commit(self, batches: Sequence[Batch]) -> None:
        if self._before_commit:
            await self._before_commit()
        await asyncio.sleep(0)
        if any(self._kafka.epochs[partition] != epoch for partition, epoch in self._epochs.items()):
            raise FencedError
        for batch in batches:
            partition = batch.tp.partition
            self._kafka.outputs += [(partition, output) for output in batch.outputs]
            self._kafka.offsets[partition] = batch.next_offset
        self._kafka.batches.append(sum(len(batch.outputs) for batch in batches))

    async def stop(self) -> None:
        self.stopped = True


class MemoryStore:
    """A state store in a dictionary."""

    def __init__(self) -> None:
        self.entries: dict[bytes, bytes] = {}

    def lookup(self, partition: int) -> Lookup:
        return self.entries.get

    def put(self, partition: int, key: bytes, value: bytes) -> None:
        self.entries[key] = value


class Echo:
    """A processor whose result is the input's value; it calls ``act`` first, in the pool thread."""

    def __init__(self, act: Callable[[InputRecord], Outcome[None] | None] = lambda record: None) -> None:
        self._act = act
        self.delivered_offsets: list[int] = []

    def process(self, record: InputRecord, lookup: Lookup) -> Outcome[None]:
        return self._act(record) or Outcome((Output("out", record.content),), None)

    def reject(self, record: InputRecord, rejection: Rejection) -> Outcome[None]:
        return Outcome((Output("dead", Record(record.content.key, rejection.code.encode())),), rejection)

    def delivered(self, record: InputRecord, outcome: Outcome[None]) -> None:
        self.delivered_offsets.append(record.position.offset)


#: The value of an input that is a recording.
LONG = b"recording"


class Recorder(Echo):
    """Processes recordings, which wait until the test lets them go on."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.begun: list[int] = []
        self.cancelled: list[int] = []

    def accepts(self, record: InputRecord) -> bool:
        return record.content.value == LONG

    def process_recording(self, record: InputRecord, control: RecordingControl) -> Outcome[None]:
        self.begun.append(record.position.offset)
        try:
            while not self.go_on.is_set():
                control.wait(0.002)
                control.progressed(control.seconds_done + 1)
        except RecordingCancelledError:
            self.cancelled.append(record.position.offset)
            raise
        return Outcome((Output("out", record.content),), None)


@dataclass
class Bench:
    """The parts that lanes share, with the failures that were reported."""

    parts: LaneParts
    store: MemoryStore
    metrics: Metrics
    failures: list[BaseException]

    def close(self) -> None:
        self.parts.executor.shutdown()
        self.parts.recordings.shutdown()


def bench(*, clips: int = 50, size: int = 10**6, limit: int = 100, threads: int = 4, timeout: float = 60.0) -> Bench:
    """Make the parts that lanes share."""
    metrics = Metrics()
    failures: list[BaseException] = []
    store = MemoryStore()
    parts = LaneParts(
        executor=RecordExecutor(threads, timeout, metrics, failures.append),
        recordings=RecordExecutor(2, timeout, metrics, failures.append),
        budget=InFlightBudget(clips, size, metrics),
        breaker=DeadLetterBreaker(limit),
        store=store,
        metrics=metrics,
        on_failure=failures.append,
    )
    return Bench(parts, store, metrics, failures)


def member(generation: int) -> GroupMember:
    """A worker in one generation of its group."""
    return GroupMember("group", generation, "worker-1", "worker")


def input_record(offset: int, value: bytes | None = None, partition: int = 0) -> InputRecord:
    """One input; its value is its offset unless given."""
    return InputRecord(
        Position(TOPIC, partition, offset), Record(b"key", str(offset).encode() if value is None else value)
    )


async def until(condition: Callable[[], bool], within: float = 5.0) -> None:
    """Wait until a condition holds."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.002)
