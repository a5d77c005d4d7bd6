"""When the consumer lets inputs flow. No broker is needed: these are decisions, taken before anything is fetched."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from streams.app import Runtime, create_runtime
from streams.delivery.lanes import Source
from streams.delivery.transport import LaneConsumer, LaneTransport
from streams.settings import Settings
from tests.support.delivery import Echo

GENERATION = 3


def fail(error: BaseException) -> None:
    raise error


@pytest.fixture
async def runtime(tmp_path: Path) -> Runtime:
    runtime = create_runtime(Settings(state_dir=tmp_path), fail)
    runtime.input_topic("audio.raw", Echo())
    runtime.app.consumer_generation_id = GENERATION
    return runtime


INPUT = TP("audio.raw", 0)
TABLE = TP("hotel-audio-audio-cache-changelog", 0)


@pytest.fixture
async def consumer(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> LaneConsumer:
    async def ignore(*_: Any) -> None:
        return None

    transport = runtime.app.transport
    assert isinstance(transport, LaneTransport)
    consumer = transport.create_consumer(ignore, on_partitions_revoked=ignore, on_partitions_assigned=ignore)
    assert isinstance(consumer, LaneConsumer)
    monkeypatch.setattr(consumer, "assignment", lambda: {INPUT, TABLE})
    consumer.pause_partitions({INPUT, TABLE})
    return consumer


async def no_positions() -> Mapping[Source, int]:
    return {}


async def open_lanes(runtime: Runtime) -> None:
    runtime.lanes.expect(GENERATION)
    await runtime.lanes.open([], no_positions)
    assert runtime.lanes.ready


def flowing(consumer: LaneConsumer) -> set[TP]:
    return set(consumer._active_partitions)  # noqa: SLF001  Faust has no public view of it


async def test_faust_resumes_tables_but_not_inputs(runtime: Runtime, consumer: LaneConsumer) -> None:
    await open_lanes(runtime)
    consumer.resume_partitions({INPUT, TABLE})
    assert flowing(consumer) == {TABLE}


async def test_inputs_flow_with_the_last_resume_of_a_rebalance(runtime: Runtime, consumer: LaneConsumer) -> None:
    consumer.resume_flow()
    assert flowing(consumer) == set()  # tables are recovered next; no lane is open
    await open_lanes(runtime)
    runtime.app.in_recovery = True
    consumer.resume_flow()
    assert flowing(consumer) == set()  # a seek may open lanes early; Faust empties its queues once more
    runtime.app.in_recovery = False
    consumer.resume_flow()
    assert flowing(consumer) == {INPUT}


async def test_inputs_of_a_new_assignment_wait(runtime: Runtime, consumer: LaneConsumer) -> None:
    await open_lanes(runtime)
    consumer.resume_flow()
    assert flowing(consumer) == {INPUT}
    runtime.app._rebalancing_sensor_state = {}  # noqa: SLF001  as Faust sets it when a rebalance begins
    await consumer.on_partitions_assigned({INPUT, TABLE}, GENERATION + 1)
    assert INPUT not in flowing(consumer)
    assert not runtime.lanes.ready


async def test_every_input_that_is_read_is_announced(
    runtime: Runtime, consumer: LaneConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[tuple[Source, int, int]] = []
    monkeypatch.setattr(runtime.lanes, "announce", lambda *args: announced.append(args))
    record = ConsumerRecord("audio.raw", 0, 42, 1000, 0, b"k", b"v", None, 1, 1, ())
    message = consumer._to_message(INPUT, record)  # noqa: SLF001  the hook itself
    assert announced == [(Source("audio.raw", 0), 42, GENERATION)]
    assert message.generation_id == GENERATION
    await asyncio.sleep(0)
