"""When the consumer resumes inputs, and where it seeks. No broker is needed: a fake of its thread records the calls."""

import asyncio
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata
from faust.types import TP

from schemas.record import TopicPartition
from streams.delivery.start_offsets import OffsetBeyondLogError
from streams.delivery.transactions import Committed
from streams.engine import transport
from streams.engine.consumer_thread import LaneConsumerThread
from streams.engine.transport import LaneConsumer, LaneTransport
from streams.kafka.protocol.list_offsets import Bounds
from streams.runtime.settings import Settings
from streams.runtime.wiring import Runtime, create_runtime
from tests.support.delivery import Echo, member

GENERATION = 3


def fail(error: BaseException) -> None:
    raise error


@pytest.fixture
async def runtime(tmp_path: Path) -> Runtime:
    runtime = create_runtime(Settings(state_dir=tmp_path), "member", fail)
    runtime.serve("audio.raw", Echo(), agent="echo")
    runtime.app.consumer_generation_id = GENERATION
    return runtime


INPUT = TP("audio.raw", 0)
TABLE = TP("hotel-audio-audio-cache-changelog", 0)


@pytest.fixture
async def consumer(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> LaneConsumer:
    async def ignore(*_: Any) -> None:
        return None

    lane_transport = runtime.app.transport
    assert isinstance(lane_transport, LaneTransport)
    consumer = lane_transport.create_consumer(ignore, on_partitions_revoked=ignore, on_partitions_assigned=ignore)
    assert isinstance(consumer, LaneConsumer)
    monkeypatch.setattr(consumer, "assignment", lambda: {INPUT, TABLE})
    consumer.pause_partitions({INPUT, TABLE})
    return consumer


async def no_positions(_: Committed) -> Mapping[TopicPartition, int]:
    return {}


async def open_lanes(runtime: Runtime) -> None:
    runtime.lanes.expect(member(GENERATION))
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
    assert flowing(consumer) == set()  # a seek may open lanes early; Faust clears its queues once more
    runtime.app.in_recovery = False
    consumer.resume_flow()
    assert flowing(consumer) == {INPUT}


async def test_replicas_flow_with_the_inputs_and_tables_in_recovery_before(
    runtime: Runtime, consumer: LaneConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    replica = TP(TABLE.topic, 1)
    monkeypatch.setattr(runtime.app.assignor, "_standby_tps", {replica})
    monkeypatch.setattr(consumer, "assignment", lambda: {INPUT, TABLE, replica})
    consumer.pause_partitions({replica})
    consumer.resume_partitions({TABLE, replica})
    consumer.resume_flow()
    assert flowing(consumer) == {TABLE}  # Faust clears its queues before inputs flow: records read by then are lost
    await open_lanes(runtime)
    consumer.resume_flow()
    assert flowing(consumer) == {INPUT, TABLE, replica}


async def test_inputs_of_a_new_assignment_wait(
    runtime: Runtime, consumer: LaneConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LaneConsumerThread, "member_id", "member-1")
    await open_lanes(runtime)
    consumer.resume_flow()
    assert flowing(consumer) == {INPUT}
    runtime.app._rebalancing_sensor_state = {}  # noqa: SLF001  as Faust sets it when a rebalance begins
    await consumer.on_partitions_assigned({INPUT, TABLE}, GENERATION + 1)
    assert INPUT not in flowing(consumer)
    assert not runtime.lanes.ready


class Fetcher:
    """A fake of the consumer's thread: returns one record when the test allows it."""

    def __init__(self) -> None:
        self.asked: set[TP] | None = None
        self.proceed = asyncio.Event()
        self.sought: dict[TP, int] = {}
        self.bounds: list[Bounds] = []
        self.calls = 0

    async def getmany(self, active: set[TP] | None, timeout: float) -> dict[TP, list[ConsumerRecord[bytes, bytes]]]:
        self.asked = active
        await self.proceed.wait()
        return {INPUT: [ConsumerRecord("audio.raw", 0, 42, 1000, 0, b"k", b"v", None, 1, 1, ())]}

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        self.sought.update(partitions)

    async def seek_to_beginning(self, *partitions: TP) -> None:
        self.sought.update(dict.fromkeys(partitions, 0))

    async def log_bounds(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, Bounds]:
        self.calls += 1
        return {tp: self.bounds[min(self.calls, len(self.bounds)) - 1] for tp in partitions if self.bounds}


@pytest.fixture
def fetcher(consumer: LaneConsumer, monkeypatch: pytest.MonkeyPatch) -> Fetcher:
    fetcher = Fetcher()
    monkeypatch.setattr(consumer, "_thread", fetcher)
    return fetcher


async def test_every_input_that_is_fetched_is_announced(
    runtime: Runtime, consumer: LaneConsumer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    announced: list[tuple[TopicPartition, int, int]] = []
    monkeypatch.setattr(runtime.lanes, "announce", lambda *args: announced.append(args))
    fetcher.proceed.set()
    records = await consumer._getmany({INPUT}, 1.0)  # noqa: SLF001  the hook itself
    assert [record.offset for record in records[INPUT]] == [42]
    assert announced == [(TopicPartition("audio.raw", 0), 42, GENERATION)]


async def test_a_fetch_keeps_to_what_was_active_when_it_began(consumer: LaneConsumer, fetcher: Fetcher) -> None:
    active = {TABLE}
    fetching = asyncio.create_task(consumer._getmany(active, 1.0))  # noqa: SLF001  the hook itself
    await asyncio.sleep(0)
    active.clear()  # as pausing the last one does; an empty set means every partition to the client
    assert fetcher.asked == {TABLE}
    fetcher.proceed.set()
    await fetching


async def test_what_is_fetched_while_the_flow_stops_is_dropped_and_no_lane_opens_for_it(
    runtime: Runtime, consumer: LaneConsumer, fetcher: Fetcher
) -> None:
    consumer.resume_partitions({TABLE})
    runtime.lanes.expect(member(GENERATION))
    fetching = asyncio.create_task(consumer._wait_next_records(1.0))  # noqa: SLF001  the hook itself
    await asyncio.sleep(0)
    consumer.stop_flow()
    fetcher.proceed.set()
    records, _ = await fetching
    assert records is None
    assert fetcher.sought == {}
    assert not runtime.lanes.ready


async def test_a_seek_in_a_table_waits_for_a_fetch_under_way(consumer: LaneConsumer, fetcher: Fetcher) -> None:
    fetching = asyncio.create_task(consumer._getmany({INPUT}, 1.0))  # noqa: SLF001  the hook itself
    await asyncio.sleep(0)
    seeking = asyncio.create_task(consumer.seek_wait({TABLE: 5}))
    await asyncio.sleep(0.05)
    assert fetcher.sought == {}
    fetcher.proceed.set()
    await fetching
    await seeking
    assert fetcher.sought == {TABLE: 5}


async def test_a_seek_waits_for_a_fetch_under_way(
    runtime: Runtime, consumer: LaneConsumer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer, "assignment", lambda: {INPUT})
    committed = {TopicPartition(*INPUT): OffsetAndMetadata(7, "")}
    monkeypatch.setattr(runtime.lanes, "open", lambda _, begin: begin(committed))
    fetching = asyncio.create_task(consumer._getmany({INPUT}, 1.0))  # noqa: SLF001  the hook itself
    await asyncio.sleep(0)
    seeking = asyncio.create_task(consumer.perform_seek())
    await asyncio.sleep(0.05)
    assert fetcher.sought == {}
    fetcher.proceed.set()
    await fetching
    await seeking
    assert fetcher.sought == {INPUT: 7}


class Opening:
    """A consumer whose lanes open at a committed offset."""

    def __init__(self, runtime: Runtime, consumer: LaneConsumer, monkeypatch: pytest.MonkeyPatch) -> None:
        self.failures: list[BaseException] = []
        self._runtime = runtime
        self._consumer = consumer
        self._patch = monkeypatch
        monkeypatch.setattr(consumer, "assignment", lambda: {INPUT})
        monkeypatch.setattr(consumer.transport, "on_failure", self.failures.append)
        monkeypatch.setattr(transport, "_BOUNDS_RETRY_PAUSE", 0.0)

    async def at(self, offset: int, note: str = "") -> None:
        committed = {TopicPartition(*INPUT): OffsetAndMetadata(offset, note)}
        self._patch.setattr(self._runtime.lanes, "open", lambda _, begin: begin(committed))
        await self._consumer.perform_seek()

    def counted(self, name: str) -> float:
        return self._runtime.metrics.registry.get_sample_value(name, {"topic": INPUT.topic, "partition": "0"}) or 0.0


@pytest.fixture
def opening(runtime: Runtime, consumer: LaneConsumer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch) -> Opening:
    return Opening(runtime, consumer, monkeypatch)


async def test_unread_inputs_that_have_expired_are_counted(opening: Opening, fetcher: Fetcher) -> None:
    fetcher.bounds = [Bounds(12, 20)]
    await opening.at(7)
    assert fetcher.sought == {INPUT: 12}
    assert opening.counted("audio_expired_records_total") == 5


async def test_an_offset_beyond_the_end_is_looked_at_again_before_it_is_believed(
    opening: Opening, fetcher: Fetcher
) -> None:
    fetcher.bounds = [Bounds(2, 5), Bounds(2, 5), Bounds(2, 9)]
    await opening.at(7)
    assert fetcher.sought == {INPUT: 7}
    fetcher.bounds = [Bounds(2, 5)]
    await opening.at(7)
    assert fetcher.sought == {INPUT: 2}
    assert opening.counted("audio_partitions_begun_again_total") == 1


async def test_a_log_that_has_lost_what_was_answered_ends_the_worker(opening: Opening, fetcher: Fetcher) -> None:
    fetcher.bounds = [Bounds(2, 5)]
    await opening.at(7, "3-worker")
    assert [type(failure) for failure in opening.failures] == [OffsetBeyondLogError]
    assert fetcher.sought == {}


async def test_what_happens_to_the_log_while_it_is_read_is_noticed(
    opening: Opening, runtime: Runtime, consumer: LaneConsumer, fetcher: Fetcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opening.at(7)
    monkeypatch.setattr(runtime.lanes, "owns", lambda _: True)
    fetcher.proceed.set()
    await consumer._getmany({INPUT}, 1.0)  # noqa: SLF001  reads offset 42
    consumer.on_position_reset(INPUT, 50)
    assert opening.counted("audio_expired_records_total") == 7
    assert opening.failures == []
    consumer.on_position_reset(INPUT, 0)
    assert [type(failure) for failure in opening.failures] == [OffsetBeyondLogError]


async def test_a_seek_to_the_start_of_a_log_is_no_reset(
    opening: Opening, runtime: Runtime, consumer: LaneConsumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opening.at(0)
    monkeypatch.setattr(runtime.lanes, "owns", lambda _: True)
    consumer.on_position_reset(INPUT, 3)
    assert opening.counted("audio_expired_records_total") == 0
    assert opening.failures == []
