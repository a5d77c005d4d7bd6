"""A state machine test of the lanes' protocol: workers die, resume late and change between any two steps.

Workers, brokers and the network are models (`worker_model`, `kafka_model`, `client_model`); lanes, transactions and
error handling are the product's own.
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
#: Number of workers at a time.
SLOTS = 3
#: Number of steps of every worker within which all remaining inputs must get their outcomes.
ENOUGH = 5000
#: Number of these steps after which open transactions are aborted.
OVERDUE = 500
#: Number of inputs of a partition.
MOST = 20
#: Seconds after which a worker ends because a transaction's fate is unknown; the product's limit.
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
    """Workers on one input topic; after any faults, each input has one visible outcome, in order."""

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
        """Choose a few kinds of faults, which then happen more often, so that rare combinations occur; or all kinds."""
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
        """Let one worker take steps, and then inject a fault."""
        chance = random.Random(seed)
        for _ in range(count):
            self._step(slot, chance)
        getattr(self, fault)(slot)
        self._settle()

    def crash(self, slot: int) -> None:
        """Kill a worker; its requests in transit may still reach the brokers, see ``deliver_late``."""
        self._end(slot)

    def restart(self, slot: int) -> None:
        """Restart a worker as the same static member before its session ends."""
        worker = self._slots[slot]
        if worker and not self._group.rebalancing and worker.name in self._group.members:
            self._end(slot)
            successor = self._slots[slot] = self._new_worker(worker.name)
            self._group.register(successor.name, successor.address)

    def stop(self, slot: int) -> None:
        """Stop a worker."""
        if worker := self._slots[slot]:
            worker.close()

    def miss(self, slot: int) -> None:
        """Let a worker's session time out; the worker may only be frozen, and continue."""
        if worker := self._slots[slot]:
            self._group.leave(worker.name)

    def lose_a_request(self, slot: int) -> None:
        self._lose(slot, arrives=False)

    def lose_an_answer(self, slot: int) -> None:
        self._lose(slot, arrives=True)

    def time_out_request(self, slot: int) -> None:
        """Let a request in transit time out at the worker; it arrives later, or after the worker has died."""
        worker = self._slots[slot]
        if worker and worker.network.requests:
            worker.network.requests[-1].time_out()

    def deliver_late(self, _: int) -> None:
        """Deliver requests of dead workers to the brokers."""
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
        """Move the group's coordination without the knowledge of the former coordinator; the next call informs it."""
        if self._group.coordinators.has_stale_coordinator:
            self._group.coordinators.update_former()
        else:
            self._group.coordinators.cut_off()

    def _lose(self, slot: int, *, arrives: bool) -> None:
        """Let a request time out at the worker."""
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
        """Without further faults, the remaining workers process all remaining inputs."""
        chance = random.Random(0)
        self._group.coordinators.update_former()
        for step in range(ENOUGH):
            if step % OVERDUE == 0:
                self._kafka.time_out()  # of a worker that died before its name was committed
            if self._is_quiet() and not any(self._kafka.prepared()):
                self._clock.now += 1.0
                self._settle()
                if self._is_quiet():
                    break
            for slot in range(SLOTS):
                self._step(slot, chance)
        self._check()
        for partition, inputs in enumerate(self._kafka.inputs):
            assert self._kafka.offset(partition) == (inputs[-1][0] + 1 if inputs else 0)

    def _is_quiet(self) -> bool:
        """Whether nothing happens without a fault: no worker has a step, and the group waits for no dead member."""
        return all(worker and not worker.steps() for worker in self._slots) and not self._dead()

    def _environment(self) -> list[Callable[[], None]]:
        """Steps without a worker: markers are written, sessions time out, time passes."""
        markers = [lambda open_=open_: self._kafka.mark(open_) for open_ in self._kafka.prepared()]
        missing = [lambda name=name: self._group.leave(name) for name in self._dead()]
        return [*markers, *missing, self._pass_interval]

    def _dead(self) -> list[str]:
        return [name for name in self._group.members if name not in {worker.name for worker in self._slots if worker}]

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
    """Whether a worker may end with this error: errors of its clients are expected, a lost record is not."""
    return isinstance(error, KafkaError | TimeoutError)


def run(examples: int) -> None:
    """Run this number of examples, always the same ones."""
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
