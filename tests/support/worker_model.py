"""A worker's lanes without a worker: the product's ``Lanes``; the test triggers all other steps."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from schemas import Rejection
from schemas.record import TopicPartition
from streams.delivery import transactions
from streams.delivery.breaker import DeadLetterBreaker
from streams.delivery.budget import InFlightBudget
from streams.delivery.executor import RecordExecutor
from streams.delivery.job import Job
from streams.delivery.lane_parts import LaneParts
from streams.delivery.lanes import Lanes
from streams.delivery.outcome import InputRecord, Outcome
from streams.delivery.transactions import Committed
from streams.kafka.connection import KafkaConnection
from streams.kafka.protocol.txn_offset_commit import GroupMember
from streams.telemetry.metrics import Metrics
from tests.support.client_model import ClientModel, Network
from tests.support.delivery import TOPIC, Echo, MemoryStore, input_record
from tests.support.group_model import GroupModel
from tests.support.kafka_model import KafkaModel

#: Number of records in flight; fewer than a few fetches return, so that readers have to wait.
_CLIPS = 4
#: Number of inputs that are fetched and not yet in their lanes.
_QUEUED = 6
_FETCHED_AT_ONCE = 2
#: Every third offset is bad input.
_BAD = 3

#: Shared by all workers: their values are unused, and creating them takes a sixth of a short example.
_METRICS = Metrics()

Step = Callable[[], None]


@dataclass
class Clock:
    """A clock that the test advances."""

    now: float = 0.0


class SteppingLoop(asyncio.SelectorEventLoop):
    """An event loop on a Clock that runs until all tasks wait."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def time(self) -> float:
        return self._clock.now

    def settle(self) -> None:
        """Run until all tasks wait."""
        timers = self._scheduled  # type: ignore[attr-defined]  # nothing public says whether a loop has work
        if self._ready or (timers and timers[0].when() <= self.time()):  # type: ignore[attr-defined]
            self.run_until_complete(self._idle())

    async def _idle(self) -> None:
        await asyncio.sleep(0)  # due timers become ready
        while self._ready:  # type: ignore[attr-defined]
            await asyncio.sleep(0)


class SteppingExecutor(RecordExecutor):
    """An executor whose jobs the test finishes, in any order."""

    def __init__(self, metrics: Metrics, on_failure: Callable[[BaseException], None]) -> None:
        super().__init__(1, 60.0, metrics, on_failure)
        self.jobs: list[Job[Any]] = []

    def submit(self, job: Job[Any]) -> None:
        self.jobs.append(job)

    def finish(self, job: Job[Any]) -> None:
        """Process one job."""
        self.jobs.remove(job)
        job.finish(job.run())


def is_bad(offset: int) -> bool:
    """Whether the input at an offset becomes a dead letter."""
    return offset % _BAD == 0


class Router(Echo):
    """A processor that gives results for good inputs and dead letters for bad ones, both with the input's value."""

    def __init__(self) -> None:
        super().__init__(self._refuse)

    def _refuse(self, record: InputRecord) -> Outcome[None] | None:
        if not is_bad(record.position.offset):
            return None
        return self.reject(record, Rejection("decode", (record.content.value or b"").decode(), "value", "bad"))


class WorkerModel:
    """One worker: its lanes, and as steps the work of Faust, the pool, the network and the clock.

    Args:
        name: Its name as a member of the group.
        address: Unique among all workers of an example; each has its own network.
        kafka: The brokers.
        group: The group that it belongs to once it joins.
        clock: Its time.
    """

    def __init__(self, name: str, address: str, kafka: KafkaModel, group: GroupModel, clock: Clock) -> None:
        self.name = name
        self.address = address
        self.network = Network()
        self.error: BaseException | None = None
        self.ended = False
        self._kafka = kafka
        self._group = group
        self._loop = SteppingLoop(clock)
        self._generation: int | None = None
        self._positions: dict[int, int] = {}
        self._queue: deque[tuple[InputRecord, int]] = deque()
        self._letting_go = False
        self._closing = False
        self._handing_over: asyncio.Task[None] | None = None
        self._executor = SteppingExecutor(_METRICS, self._fail)
        parts = LaneParts(
            self._executor,
            self._executor,
            InFlightBudget(_CLIPS, 10**6, _METRICS),
            DeadLetterBreaker(10**6),
            MemoryStore(),
            _METRICS,
            self._fail,
        )
        self._lanes = Lanes(
            parts, lambda member, tps: transactions.GroupProducer(KafkaConnection(address), member, tps)
        )
        self._lanes.serve(TOPIC, Router())

    def connect(self) -> ClientModel:
        """Make a client of this worker."""
        return ClientModel(self._kafka, self._group, self.network)

    def steps(self) -> list[Step]:
        """The possible next steps of this worker."""
        return [
            *self._group_steps(),
            *self.network.steps(),
            *(lambda job=job: self._executor.finish(job) for job in self._executor.jobs),
            *self._input_steps(),
        ]

    def settle(self) -> None:
        """Run the worker's code until it waits."""
        self._loop.settle()

    def reseek(self) -> None:
        """Read from the committed offsets, as Faust does when it resumes."""
        self._positions = {tp.partition: lane.committed for tp, lane in self._lanes if self._positions}

    def close(self) -> None:
        """Drain for good, then leave the group."""
        if not self._closing:
            self._positions.clear()
            self._closing = True
            self._spawn(self._close())

    def end(self) -> None:
        """Die: its code stops, its requests remain in transit."""
        self.network.open = False
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self.settle()
        self._loop.close()

    def _group_steps(self) -> list[Step]:
        if self._letting_go or self._closing:
            return []
        group = self._group
        if self.name not in group.members or (group.rebalancing and self.name not in group.joined):
            return [self._rejoin]
        if not group.rebalancing and self._generation != group.generation:
            return [self._assign]
        return []

    def _input_steps(self) -> list[Step]:
        steps: list[Step] = []
        if len(self._queue) < _QUEUED:
            steps += [
                lambda partition=partition: self._fetch(partition)  # type: ignore[misc]
                for partition, position in self._positions.items()
                if any(offset >= position for offset, _ in self._kafka.inputs[partition])
            ]
        if self._queue and (self._handing_over is None or self._handing_over.done()):
            steps.append(self._hand_over)
        return steps

    def _rejoin(self) -> None:
        self._positions.clear()
        self._letting_go = True
        self._spawn(self._let_go())

    async def _let_go(self) -> None:
        if self._generation is not None:
            await self._lanes.drain()
        self._letting_go = False
        if not self._closing:
            self._group.join(self.name, self.address)

    async def _close(self) -> None:
        await self._lanes.close()
        self._group.leave(self.name)
        self.ended = True

    def _assign(self) -> None:
        self._generation = self._group.generation
        self._lanes.expect(GroupMember("group", self._generation, self.address, self.name))
        self._spawn(self._open(self._generation))

    async def _open(self, generation: int) -> None:
        tps = [TopicPartition(TOPIC, partition) for partition in self._group.assigned(self.name)]
        found: dict[int, int] = {}

        async def begin(committed: Committed) -> Mapping[TopicPartition, int]:
            offsets = {tp: committed[tp].offset if tp in committed else 0 for tp in tps}
            found.update((tp.partition, offset) for tp, offset in offsets.items())
            return offsets

        await self._lanes.open(tps, begin)
        if self._lanes.ready and self._generation == generation and not (self._letting_go or self._closing):
            self._positions = {tp.partition: found[tp.partition] for tp in tps}

    def _fetch(self, partition: int) -> None:
        assert self._generation is not None
        position = self._positions[partition]
        behind = [(offset, value) for offset, value in self._kafka.inputs[partition] if offset >= position]
        for offset, value in behind[:_FETCHED_AT_ONCE]:
            self._lanes.announce(TopicPartition(TOPIC, partition), offset, self._generation)
            self._queue.append((input_record(offset, value, partition), self._generation))
            self._positions[partition] = offset + 1

    def _hand_over(self) -> None:
        fetched, generation = self._queue.popleft()
        self._handing_over = self._spawn(self._lanes.submit(fetched, generation))

    def _spawn(self, work: Awaitable[None]) -> "asyncio.Task[None]":
        return self._loop.create_task(self._guarded(work))

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  as in LaneConsumer and deliver(): any error ends the worker
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        """End, as fail_stop does: the first error counts, and the worker sends nothing after it."""
        self.error = self.error or error
        self.ended = True
        self.network.open = False
