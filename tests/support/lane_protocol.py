"""The protocol of the lanes as a state machine: workers die, wake up late and change between any two steps.

Workers, brokers and the network are models (`worker_model`, `kafka_model`, `client_model`); lanes, transactions and the
decision what to do about an error are the product's own.
"""

import random
from collections.abc import Callable, Collection, Sequence

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from streams.delivery import transactions
from streams.delivery.commit_policy import COMMIT_INTERVAL
from streams.delivery.lanes import DRAIN_TIMEOUT
from streams.kafka.connection import KafkaConnection
from tests.support.client_model import ClientModel, WriterModel
from tests.support.group_model import CoordinatorModel, GroupModel
from tests.support.kafka_model import KafkaModel
from tests.support.worker_model import Clock, WorkerModel, is_bad

PARTITIONS = 2
#: How many workers live at a time.
SLOTS = 3
#: Steps of every worker in which all that is left must get its outcome.
ENOUGH = 5000
#: Of those, after how many transactions that are still open are aborted.
OVERDUE = 500
#: Inputs of a partition.
MOST = 20
#: Seconds after which a worker ends because a transaction's fate is still open; the product's own limit.
COMMIT_TIMEOUT = 60.0
#: Kinds of faults in most examples.
FEW = 5
#: Methods of LaneProtocol.
FAULTS = (
    "crash",
    "restart",
    "stop",
    "miss",
    "lose_a_request",
    "lose_an_answer",
    "time_out_request",
    "deliver_late",
    "rebalance",
    "reseek",
    "exceed_drain_timeout",
    "exceed_commit_timeout",
    "exceed_transaction_timeout",
    "cut_off_the_coordinator",
)

slots = st.integers(0, SLOTS - 1)
seeds = st.integers(0, 10**6)
chosen = st.runner().flatmap(lambda machine: st.sampled_from(machine.faults))


class LaneProtocol(RuleBasedStateMachine):
    """Workers on one input topic; whatever happens to them, each input has one visible outcome, in order."""

    def __init__(self) -> None:
        super().__init__()
        self._patch = pytest.MonkeyPatch()
        self._patch.setattr(transactions, "connect", self._connect)
        self._patch.setattr(transactions, "TransactionalWriter", WriterModel)
        self._patch.setattr(transactions, "fetch_committed", _committed)
        self._kafka = KafkaModel(PARTITIONS)
        self._group = GroupModel(PARTITIONS, CoordinatorModel(self._kafka, PARTITIONS))
        self._clock = Clock()
        self._checked = 0
        self.faults: Sequence[str] = FAULTS
        self._slots: list[WorkerModel | None] = [None] * SLOTS
        self._workers: dict[str, WorkerModel] = {}
        self._start(0)
        self._start(1)
        self.send(0, 6, 0)
        self.send(1, 6, 0)

    @initialize(faults=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=FEW, unique=True) | st.just(FAULTS))
    def choose(self, faults: Sequence[str]) -> None:
        """Let a few kinds of faults happen, and those more often: rare combinations show sooner. Or all of them."""
        self.faults = faults

    @rule(partition=st.integers(0, PARTITIONS - 1), count=st.integers(1, 6), gap=st.integers(0, 2))
    def send(self, partition: int, count: int, gap: int) -> None:
        for number in range(min(count, MOST - len(self._kafka.inputs[partition]))):
            self._kafka.append(partition, 0 if number else gap)

    @rule(count=st.integers(1, 80), seed=seeds)
    def advance(self, count: int, seed: int) -> None:
        """Let workers take steps, in one of many orders."""
        chance = random.Random(seed)
        for _ in range(count):
            self._step(chance.randrange(SLOTS), chance)

    @rule(slot=slots, count=st.integers(0, 40), seed=seeds, fault=chosen)
    def fail(self, slot: int, count: int, seed: int, fault: str) -> None:
        """Let one worker take steps, and then something happen to it."""
        chance = random.Random(seed)
        for _ in range(count):
            self._step(slot, chance)
        getattr(self, fault)(slot)
        self._settle()

    def crash(self, slot: int) -> None:
        """End a worker; requests that have left it may still reach the brokers, see ``deliver_late``."""
        self._end(slot)

    def restart(self, slot: int) -> None:
        """Put a fresh process in a member's place before the group misses it, as static members do."""
        worker = self._slots[slot]
        if worker and not self._group.rebalancing and worker.name in self._group.members:
            self._end(slot)
            successor = self._slots[slot] = self._new_worker(worker.name)
            self._group.register(successor.name, successor.address)

    def stop(self, slot: int) -> None:
        """Tell a worker to stop."""
        if worker := self._slots[slot]:
            worker.close()

    def miss(self, slot: int) -> None:
        """Let the group take a worker for dead; it may be one that only sleeps, and goes on."""
        if worker := self._slots[slot]:
            self._group.leave(worker.name)

    def lose_a_request(self, slot: int) -> None:
        self._lose(slot, arrives=False)

    def lose_an_answer(self, slot: int) -> None:
        self._lose(slot, arrives=True)

    def time_out_request(self, slot: int) -> None:
        """Let a request that is still under way fail for the worker; it arrives later, or once the worker has died."""
        worker = self._slots[slot]
        if worker and worker.network.requests:
            worker.network.requests[-1].time_out()

    def deliver_late(self, _: int) -> None:
        """Let requests of workers that have died reach the brokers."""
        for worker in self._workers.values():
            if worker not in self._slots:
                for request in [request for request in worker.network.requests if not request.applied]:
                    request.deliver()

    def rebalance(self, _: int) -> None:
        self._group.rebalance()

    def reseek(self, slot: int) -> None:
        if worker := self._slots[slot]:
            worker.reseek()

    def exceed_drain_timeout(self, _: int) -> None:
        self._clock.now += DRAIN_TIMEOUT + 1

    def exceed_commit_timeout(self, _: int) -> None:
        self._clock.now += COMMIT_TIMEOUT + 1

    def exceed_transaction_timeout(self, _: int) -> None:
        self._kafka.time_out()

    def cut_off_the_coordinator(self, _: int) -> None:
        """Let another broker coordinate the group, unheard by the one that did; the next time, let that one hear."""
        if self._group.coordinators.has_stale_coordinator:
            self._group.coordinators.update_former()
        else:
            self._group.coordinators.cut_off()

    def _lose(self, slot: int, *, arrives: bool) -> None:
        """Let a request fail for the worker."""
        worker = self._slots[slot]
        if worker and worker.network.requests:
            request = worker.network.requests.pop(0)
            if arrives and not request.applied:
                request.deliver()
            request.time_out()

    def teardown(self) -> None:
        try:
            self._finish()
        finally:
            for slot in range(SLOTS):
                self._end(slot)
            self._patch.undo()

    def _finish(self) -> None:
        """With no further fault, those who are left answer everything that is left."""
        chance = random.Random(0)
        self._group.coordinators.update_former()
        for step in range(ENOUGH):
            if step % OVERDUE == 0:
                self._kafka.time_out()  # of a worker that has died before anybody could know its name
            if all(worker and not worker.steps() for worker in self._slots) and not any(self._kafka.prepared()):
                self._clock.now += 1.0
                self._settle()
                if all(worker and not worker.steps() for worker in self._slots):
                    break
            for slot in range(SLOTS):
                self._step(slot, chance)
        self._check()
        for partition, inputs in enumerate(self._kafka.inputs):
            assert self._kafka.offset(partition) == (inputs[-1][0] + 1 if inputs else 0)

    def _environment(self) -> list[Callable[[], None]]:
        """What happens without any worker: markers are written, the dead are missed, time passes."""
        markers = [lambda open_=open_: self._kafka.mark(open_) for open_ in self._kafka.prepared()]
        missing = [lambda name=name: self._group.leave(name) for name in self._dead()]
        return [*markers, *missing, self._pass_interval]

    def _dead(self) -> list[str]:
        living = {worker.name for worker in self._slots if worker}
        return [name for name in self._group.members if name not in living]

    def _step(self, slot: int, chance: random.Random) -> None:
        worker = self._slots[slot]
        steps = worker.steps() if worker else [lambda: self._start(slot)]
        chance.choice([*steps, *self._environment()])()
        self._settle_one(slot)
        self._check()

    def _pass_interval(self) -> None:
        self._clock.now += COMMIT_INTERVAL

    def _settle(self) -> None:
        for slot in range(SLOTS):
            self._settle_one(slot)
        self._check()

    def _settle_one(self, slot: int) -> None:
        if worker := self._slots[slot]:
            worker.settle()
            if worker.ended:
                assert worker.error is None or expected(worker.error), worker.error
                self._end(slot)

    def _check(self) -> None:
        if self._checked == self._kafka.changes:
            return
        self._checked = self._kafka.changes
        deciding = any(self._kafka.prepared())
        for partition, inputs in enumerate(self._kafka.inputs):
            for topic, bad in (("out", False), ("dead", True)):
                answered = [(offset, value) for offset, value in inputs if is_bad(offset) == bad]
                visible = self._kafka.visible((topic, partition))
                assert visible == [value for _, value in answered][: len(visible)]
                if not deciding and not self._kafka.held_back((topic, partition)):
                    committed = self._kafka.offset(partition)
                    assert visible == [value for offset, value in answered if offset < committed]

    def _start(self, slot: int) -> None:
        self._slots[slot] = self._new_worker(f"member-{len(self._workers)}")

    def _new_worker(self, name: str) -> WorkerModel:
        address = f"address-{len(self._workers)}"
        worker = self._workers[address] = WorkerModel(name, address, self._kafka, self._group, self._clock)
        return worker

    def _end(self, slot: int) -> None:
        if worker := self._slots[slot]:
            self._slots[slot] = None
            worker.end()

    async def _connect(self, connection: KafkaConnection) -> ClientModel:
        return self._workers[connection.bootstrap_servers].connect()


async def _committed(
    client: ClientModel, broker: int, _: str, partitions: Collection[TopicPartition], *, stable: bool
) -> dict[TopicPartition, OffsetAndMetadata]:
    return await client.committed(broker, partitions, stable=stable)


def expected(error: BaseException) -> bool:
    """Whether a worker may end of an error: what its clients say, never a record that got lost on its way."""
    return isinstance(error, KafkaError | TimeoutError)


def run(examples: int) -> None:
    """Drive that many workers' lives, always the same ones."""
    run_state_machine_as_test(
        LaneProtocol,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=True,
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
