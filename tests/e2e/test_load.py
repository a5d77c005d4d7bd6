"""A burst far above a worker's capacity: first less effort, then higher levels, and full quality again afterwards."""

import asyncio
import itertools
from pathlib import Path

import pytest

from schemas import Policy, PolicyEvent
from streams.kafka.connection import KafkaConnection
from streams.kafka.topics import apply_topics
from tests.chaos.delivery_oracle import DeliveryOracle
from tests.chaos.records import ObservedRecord, PlannedInput
from tests.chaos.sounds import sample
from tests.chaos.workers import Worker, running
from tests.chaos.workload import segment
from tests.e2e.test_policies import publish
from tests.e2e.test_worker import exact, headers, metric
from tests.support.brokers import Broker, Namespace

CALLS = {"lisbon": ("call-a", "call-b", "call-c"), "strict": ("call-d",)}
HIGHEST_PRESSURE = 5
BACKLOG = 600  # inputs kept waiting: over a second of work for one thread, even at the least effort
BATCH = 200
#: Level and reason, in the order in which rising load produces them.
STEPS = [("3", "default"), ("3", "load (effort)"), ("4", "load (level)"), ("5", "load (level)")]


@pytest.fixture
async def worker(broker: Broker, namespace: Namespace, tmp_path: Path) -> Worker:
    await apply_topics(KafkaConnection(broker.bootstrap_servers), namespace.prefix, namespace.group)
    # One clip at a time, so that the capacity does not depend on the number of cores.
    settings = {"AUDIO_LAG_OBJECTIVE": "500ms", "AUDIO_MAX_CONCURRENCY": "1"}
    return Worker(broker.bootstrap_servers, namespace.prefix, namespace.group, tmp_path, **settings)


class Telephony:
    """Sends segments of a few calls; all calls of a hotel have the same audio."""

    def __init__(self, oracle: DeliveryOracle, worker: Worker) -> None:
        self._account = oracle
        self._worker = worker
        self._numbers = itertools.count()
        self._sequences = {call: itertools.count() for calls in CALLS.values() for call in calls}
        self.sent = 0

    async def send(self, count: int) -> None:
        """Send ``count`` segments of each call."""
        plan = [self._segment(call, hotel) for _ in range(count) for hotel, calls in CALLS.items() for call in calls]
        await self._account.send(plan)
        self.sent += len(plan)

    async def press(self) -> None:
        """Keep the worker behind until it has taken its last step."""
        async with asyncio.timeout(120):
            while metric(self._worker, "audio_pressure_steps") < HIGHEST_PRESSURE:
                if self.sent - metric(self._worker, "audio_records_in_total") < BACKLOG:
                    await self.send(BATCH // len(self._sequences))
                await asyncio.sleep(0.1)

    async def ease(self) -> None:
        """Send a little, until the worker has gone back all its steps."""
        async with asyncio.timeout(120):
            while metric(self._worker, "audio_pressure_steps") > 0:
                await self.send(1)
                await asyncio.sleep(1)

    def _segment(self, call: str, hotel: str) -> PlannedInput:
        spoken = sample(1.0, "audio/L16", seed=7)
        return segment(spoken, call, next(self._sequences[call]), number=next(self._numbers), hotel=hotel)


def choice(result: ObservedRecord) -> tuple[str, str]:
    return headers(result)["ce_level"], headers(result)["ce_reason"]


def choices(results: list[ObservedRecord]) -> set[tuple[str, str]]:
    return {choice(result) for result in results}


def of_call(oracle: DeliveryOracle, call: str) -> list[ObservedRecord]:
    return [one for one in oracle.results if headers(one)["ce_callid"] == call]


async def test_a_burst_costs_effort_then_levels_within_the_policy_and_is_forgotten_afterwards(
    broker: Broker, namespace: Namespace, worker: Worker
) -> None:
    oracle = DeliveryOracle(broker.bootstrap_servers, namespace.prefix, namespace.group)
    telephony = Telephony(oracle, worker)
    await publish(broker, namespace, PolicyEvent("strict", Policy(1, ceiling_level=3)).to_record())
    with running(worker):
        await telephony.send(1)
        await exact(oracle, last=False)
        await telephony.press()
        assert metric(worker, "audio_pressure_steps") == HIGHEST_PRESSURE
        await telephony.ease()  # at once: after a pause the worker would go back several steps together
        await telephony.send(1)
        await exact(oracle)
        shown = worker.get("/metrics")[1]

    by_hotel = {hotel: [one for one in oracle.results if headers(one)["ce_hotelid"] == hotel] for hotel in CALLS}
    assert choices(by_hotel["lisbon"]) == set(STEPS)
    assert choices(by_hotel["strict"]) == {("3", "default"), ("3", "load (effort)")}
    for level, reason in choices(oracle.results):
        assert f'audio_choices_total{{level="{level}",reason="{reason}"}}' in shown
    for calls in CALLS.values():
        for call in calls:
            goes_there_and_back(sorted(of_call(oracle, call), key=lambda one: int(headers(one)["ce_sequence"])))
    # The least effort makes the largest files, as it needs more bits for the same quality. Higher levels follow it.
    largest = {step: max(len(one.value or b"") for one in by_hotel["lisbon"] if choice(one) == step) for step in STEPS}
    _, least_effort, *levels = (largest[step] for step in STEPS)
    assert [least_effort, *levels] == sorted([least_effort, *levels], reverse=True)
    assert len({least_effort, *levels}) == 3


def goes_there_and_back(results: list[ObservedRecord]) -> None:
    """A call's results go through all steps that its hotel allows, in order, up and down again."""
    taken = [choice(one) for one in results]
    steps = [step for step in STEPS if step in taken]
    assert sorted(steps, key=taken.index) == steps
    assert sorted(steps, key=taken[::-1].index) == steps
    assert taken[0] == taken[-1] == STEPS[0]
    assert headers(results[0])["ce_sha256"] == headers(results[-1])["ce_sha256"]
    assert len({headers(one)["ce_sha256"] for one in results}) > 1
