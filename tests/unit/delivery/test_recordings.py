"""Recordings in lanes: they hold back what is behind them, and only that."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from schemas.record import TopicPartition
from streams.delivery.executor import RecordExecutor
from streams.delivery.job import Job, RecordingJob
from streams.delivery.lanes import Lanes
from streams.delivery.outcome import InputRecord, Outcome
from streams.delivery.recording_control import RecordingCancelledError, RecordingControl
from streams.delivery.transactions import Committed
from tests.support.delivery import (
    LONG,
    TOPIC,
    Bench,
    Echo,
    MemoryKafka,
    MemoryTransactor,
    Recorder,
    bench,
    input_record,
    member,
    until,
)

TPS = [TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)]


class Rig:
    """Lanes of two partitions, with live inputs and recordings."""

    def __init__(self, shared: Bench) -> None:
        self.shared = shared
        self.kafka = MemoryKafka()
        self.live = Echo()
        self.recorder = Recorder()
        self.lanes = Lanes(shared.parts, lambda _, tps: MemoryTransactor(self.kafka, [tp.partition for tp in tps]))
        self.lanes.serve(TOPIC, self.live, self.recorder)
        self.generation = 0

    async def open(self, tps: list[TopicPartition]) -> None:
        async def begin(committed: Committed) -> Mapping[TopicPartition, int]:
            return {tp: committed[tp].offset if tp in committed else 0 for tp in tps}

        self.generation += 1
        self.lanes.expect(member(self.generation))
        await self.lanes.open(tps, begin)

    async def send(self, offset: int, value: bytes | None = None, partition: int = 0) -> None:
        self.lanes.announce(TPS[partition], offset, self.generation)
        await self.lanes.submit(input_record(offset, value, partition), self.generation)


@pytest.fixture
def rig() -> Iterator[Rig]:
    shared = bench()
    rig = Rig(shared)
    yield rig
    rig.recorder.go_on.set()
    shared.close()
    assert shared.failures == []


async def test_a_recording_holds_back_its_own_partition_alone(rig: Rig) -> None:
    await rig.open(TPS)
    await rig.send(0)
    await rig.send(1, LONG)
    for offset in (2, 3, 4):
        await rig.send(offset, LONG if offset == 3 else None)
        await rig.send(offset, partition=1)
    await until(lambda: rig.kafka.values(1) == [b"2", b"3", b"4"] and rig.kafka.values(0) == [b"0"])
    assert rig.lanes.held == [TPS[0]]
    assert rig.lanes.depth(TPS[0]) == 4
    rig.recorder.go_on.set()
    await until(lambda: rig.kafka.values(0) == [b"0", LONG, b"2", LONG, b"4"])
    assert rig.lanes.held == []
    assert rig.recorder.begun == [1, 3]
    await rig.lanes.close()


class AtOnce(RecordExecutor):
    """Does a recording at once: its outcome is the event loop's very next step."""

    def submit(self, job: Job[Any]) -> None:
        asyncio.get_running_loop().call_soon(job.finish, job.run())


async def test_recordings_that_take_no_time_do_not_leave_behind_what_waits_for_them() -> None:
    shared = bench()
    at_once = AtOnce(1, 60.0, shared.metrics, shared.failures.append)
    rig = Rig(replace(shared, parts=replace(shared.parts, recordings=at_once)))
    rig.recorder.go_on.set()
    await rig.open(TPS)
    for offset in range(5):
        await rig.send(offset, LONG)
    await until(lambda: rig.kafka.values(0) == [LONG] * 5)
    assert rig.lanes.held == []
    await rig.lanes.close()
    at_once.shutdown()
    shared.close()
    assert shared.failures == []


async def test_inputs_that_wait_are_taken_once_even_if_they_are_read_again(rig: Rig) -> None:
    await rig.open(TPS)
    await rig.send(0, LONG)
    for _ in range(2):
        for offset in (1, 2):
            await rig.send(offset)
    rig.recorder.go_on.set()
    for offset in (1, 2, 3):
        await rig.send(offset)
    await until(lambda: rig.kafka.values(0) == [LONG, b"1", b"2", b"3"])
    await rig.lanes.close()


async def test_a_drain_does_not_wait_for_a_recording_and_the_next_lane_goes_on_with_it(rig: Rig) -> None:
    await rig.open(TPS)
    await rig.send(0)
    await rig.send(1, LONG)
    await rig.send(2)
    await until(lambda: rig.recorder.begun == [1])
    await rig.lanes.drain()
    assert rig.kafka.offsets[0] == 1
    await rig.open(TPS)
    rig.recorder.go_on.set()
    await rig.send(1, LONG)
    await rig.send(2)
    await until(lambda: rig.kafka.values(0) == [b"0", LONG, b"2"])
    assert rig.recorder.begun == [1]
    await rig.lanes.close()


async def test_a_recording_that_ended_between_two_assignments_is_committed_by_the_second(rig: Rig) -> None:
    await rig.open(TPS)
    await rig.send(0, LONG)
    await until(lambda: rig.recorder.begun == [0])
    await rig.lanes.drain()
    rig.recorder.go_on.set()
    await rig.open(TPS)
    await rig.send(0, LONG)
    await until(lambda: rig.kafka.values(0) == [LONG])
    assert rig.recorder.begun == [0]
    await rig.lanes.close()


async def test_a_recording_whose_partition_went_away_is_cancelled(rig: Rig) -> None:
    await rig.open(TPS)
    await rig.send(0, LONG)
    await until(lambda: rig.recorder.begun == [0])
    await rig.lanes.drain()
    await rig.open(TPS[1:])
    await until(lambda: rig.recorder.cancelled == [0])
    await rig.lanes.close()
    assert rig.kafka.values(0) == []


async def test_a_worker_that_stops_cancels_its_recordings(rig: Rig) -> None:
    await rig.open(TPS)
    await rig.send(0, LONG)
    await rig.send(0, LONG, partition=1)
    await until(lambda: len(rig.recorder.begun) == 2)
    await rig.lanes.close()
    await until(lambda: rig.recorder.cancelled == [0, 0])
    assert rig.kafka.outputs == []


async def test_a_recording_takes_no_room_of_live_inputs(rig: Rig) -> None:
    await rig.open(TPS)
    await rig.send(0, LONG)
    await until(lambda: rig.recorder.begun == [0])
    assert (rig.shared.parts.budget.records, rig.shared.parts.budget.bytes) == (0, 0)
    rig.recorder.go_on.set()
    await rig.lanes.close()


async def test_a_recording_has_time_for_each_step_and_none_without_progress() -> None:
    shared = bench(timeout=0.2)
    rig = Rig(shared)
    watch = asyncio.create_task(shared.parts.recordings.enforce_timeouts())
    await rig.open(TPS)
    await rig.send(0, LONG)  # makes steps for longer than the limit
    silent = threading.Event()

    def hang(record: InputRecord, control: RecordingControl) -> Outcome[None]:
        silent.wait(10)
        control.check()
        raise AssertionError

    await until(lambda: rig.recorder.begun == [0])
    job = dict(rig.lanes)[TPS[0]].recording
    assert job is not None
    await until(lambda: job.seconds_done > 150)  # at least 2 ms each
    rig.recorder.go_on.set()
    await until(lambda: rig.kafka.values(0) == [LONG])
    rig.recorder.process_recording = hang  # type: ignore[method-assign]
    await rig.send(1, LONG)
    await until(lambda: rig.kafka.values(0) == [LONG, b"ProcessingTimeout"])
    silent.set()
    await until(lambda: shared.metrics.registry.get_sample_value("audio_abandoned_clips") == 0)
    watch.cancel()
    await rig.lanes.close()
    shared.close()
    assert shared.failures == []


def test_the_work_of_a_store_is_no_lack_of_progress() -> None:
    now = 0.0
    control = RecordingControl(lambda: now)
    now = 100.0
    assert control.silent_seconds == 100
    with control.untimed():
        now = 1000.0
        assert control.silent_seconds == 0
    assert control.silent_seconds == 0
    now = 1007.0
    assert control.silent_seconds == 7
    control.cancel()
    with pytest.raises(RecordingCancelledError):
        control.wait(60)
    assert not control.waits


async def test_a_recording_that_was_cancelled_before_its_thread_began_does_no_work() -> None:
    shared, recorder = bench(), Recorder()
    job = RecordingJob(input_record(0, LONG), recorder, lambda: None, read_at=0.0)
    job.control.cancel()
    shared.parts.recordings.submit(job)
    await until(lambda: job.started is not None)
    shared.close()
    assert (recorder.begun, job.outcome) == ([], None)
