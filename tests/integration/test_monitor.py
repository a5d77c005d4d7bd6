"""The monitor's reaction to a lag. No broker is needed: the lag is given."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping

import pytest
from aiokafka.errors import KafkaConnectionError

from schemas.record import TopicPartition
from streams.delivery.lanes import Lanes
from streams.delivery.transactions import Committed
from streams.kafka.connection import KafkaConnection
from streams.kafka.lag import ClusterSnapshot, Lag, LagReader, OldestRecord
from streams.kafka.protocol.metadata import TopicMetadata
from streams.kafka.topology import InputTopicGoneError, PartitionCount, Topology
from streams.runtime.fail_stop import Watchdog
from streams.runtime.monitor import Monitor
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

OWN, FOREIGN = TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)


class GivenLag(LagReader):
    """Returns a given snapshot, or raises."""

    def __init__(self) -> None:
        super().__init__(KafkaConnection(""), "", [TOPIC])
        self.lags: dict[TopicPartition, Lag] = {}
        self.topic_id = b"first"
        self.owners: dict[TopicPartition, str] | None = {OWN: "this", FOREIGN: "another"}
        self.looks = 0

    async def read(self, known: Mapping[TopicPartition, OldestRecord] | None = None) -> ClusterSnapshot:
        self.looks += 1
        if not self.lags:
            raise KafkaConnectionError("nobody answers")
        topology = Topology([TOPIC], [TOPIC], {TOPIC: TopicMetadata(self.topic_id, (1, 1))})
        return ClusterSnapshot(topology, dict(self.lags), self.owners)


class Rig:
    """A monitor with a short interval, over one owned partition."""

    def __init__(self) -> None:
        def fail(error: BaseException) -> None:
            raise error

        self.shared: Bench = bench()
        self.lanes = Lanes(
            self.shared.parts, lambda _, tps: MemoryTransactor(MemoryKafka(), [own.partition for own in tps])
        )
        self.recorder = Recorder()
        self.lanes.serve(TOPIC, Echo(), self.recorder)
        self.reader = GivenLag()
        self.clock_ahead = 0.0
        self.behind: list[tuple[TopicPartition, float]] = []
        self.demands: list[int] = []
        self.partitions = PartitionCount(1, 1)
        self.watchdog = Watchdog(3600, fail)
        self.monitor = Monitor(
            self.lanes,
            self.reader,
            self.shared.metrics,
            self.watchdog,
            partitions=self.partitions,
            interval=0.005,
            rebalance_timeout=0.0,
            mean_seconds=lambda: 2.0,
            on_lag=lambda tp, seconds: self.behind.append((tp, seconds)),
            now=lambda: time.time() - self.clock_ahead,
            request_reassignment=lambda: self.demands.append(self.reader.looks),
            to_recover=lambda: 0,
        )

    def shown(self, name: str, tp: TopicPartition) -> float | None:
        labels = {"topic": tp.topic, "partition": str(tp.partition)}
        return self.shared.metrics.registry.get_sample_value(name, labels)

    async def look(self, lags: Mapping[TopicPartition, Lag]) -> None:
        self.reader.lags = dict(lags)
        seen = self.reader.looks
        await until(lambda: self.reader.looks > seen + 1)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async def positions(_: Committed) -> Mapping[TopicPartition, int]:
        return {OWN: 0}

    rig = Rig()
    rig.lanes.expect(member(1))
    await rig.lanes.open([OWN], positions)
    looking = asyncio.create_task(rig.monitor.run())
    yield rig
    looking.cancel()
    await asyncio.wait([looking])
    await rig.lanes.close()
    rig.shared.close()


async def test_a_backlog_of_its_own_presses_and_that_of_others_does_not(rig: Rig) -> None:
    old = Lag(7, OldestRecord(0, time.time() - 60))
    await rig.look({OWN: Lag(0), FOREIGN: old})
    assert rig.behind == []
    await rig.look({OWN: old, FOREIGN: Lag(0)})
    assert {tp for tp, _ in rig.behind} == {OWN}
    assert min(seconds for _, seconds in rig.behind) == pytest.approx(60, abs=5)


async def test_ages_are_by_the_brokers_clocks_and_impossible_ones_are_not_shown(rig: Rig) -> None:
    rig.clock_ahead = 3600.0
    broken = Lag(7, OldestRecord(0, 1_769_851.8))  # seconds for milliseconds
    await rig.look({OWN: Lag(7, OldestRecord(0, time.time() - 3660)), FOREIGN: broken})
    assert rig.shown("audio_lag_seconds", OWN) == pytest.approx(60, abs=5)
    assert min(seconds for _, seconds in rig.behind) == pytest.approx(60, abs=5)
    assert rig.shown("audio_lag_records", FOREIGN) == 7
    assert rig.shown("audio_lag_seconds", FOREIGN) is None


async def test_every_partition_is_shown_with_its_owner(rig: Rig) -> None:
    await rig.look({OWN: Lag(0), FOREIGN: Lag(7, OldestRecord(0, time.time() - 60))})
    assert [rig.shown("audio_lag_records", tp) for tp in (OWN, FOREIGN)] == [0, 7]
    assert [rig.shown("audio_partition_assigned", tp) for tp in (OWN, FOREIGN)] == [1, 0]
    assert rig.shown("audio_lag_audio_seconds", FOREIGN) == 14
    assert rig.shown("audio_lag_seconds", OWN) == 0
    assert rig.shown("audio_lag_seconds", FOREIGN) == pytest.approx(60, abs=5)
    await rig.look({OWN: Lag(0), FOREIGN: Lag(9)})  # not fetched yet: no age is better than a wrong one
    assert rig.shown("audio_lag_records", FOREIGN) == 9
    assert rig.shown("audio_lag_seconds", FOREIGN) is None


async def test_an_offset_beyond_the_end_is_shown_and_its_owner_is_not_ready(rig: Rig) -> None:
    await rig.look({OWN: Lag(0), FOREIGN: Lag(3, beyond=47)})
    assert [rig.shown("audio_committed_beyond_end_records", tp) for tp in (OWN, FOREIGN)] == [0, 47]
    assert rig.monitor.offsets_in_log
    await rig.look({OWN: Lag(3, beyond=47), FOREIGN: Lag(0)})
    assert not rig.monitor.offsets_in_log


async def test_the_age_goes_on_growing_while_no_broker_answers(rig: Rig) -> None:
    await rig.look({OWN: Lag(1, OldestRecord(0, time.time()))})
    assert rig.monitor.brokers_answer
    before = rig.shown("audio_lag_seconds", OWN)
    await rig.look({})
    assert not rig.monitor.brokers_answer
    after = rig.shown("audio_lag_seconds", OWN)
    assert before is not None
    assert after is not None
    assert after > before


async def test_the_watchdog_is_fed_without_lag_and_left_hungry_by_a_stall(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[float] = []
    monkeypatch.setattr(rig.watchdog, "feed", lambda: fed.append(time.monotonic()))
    await rig.look({OWN: Lag(0), FOREIGN: Lag(7)})
    assert fed
    await rig.look({OWN: Lag(7), FOREIGN: Lag(0)})
    fed.clear()
    await rig.look({OWN: Lag(7), FOREIGN: Lag(0)})
    assert fed == []
    await rig.look({})
    assert fed == []


async def test_a_recording_in_progress_is_no_stall_and_hides_none(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    async def positions(_: Committed) -> Mapping[TopicPartition, int]:
        return {OWN: 0, FOREIGN: 0}

    fed: list[float] = []
    monkeypatch.setattr(rig.watchdog, "feed", lambda: fed.append(time.monotonic()))
    await rig.lanes.drain()
    rig.lanes.expect(member(2))
    await rig.lanes.open([OWN, FOREIGN], positions)
    rig.lanes.announce(OWN, 0, 2)
    await rig.lanes.submit(input_record(0, LONG), 2)
    await rig.look({OWN: Lag(1), FOREIGN: Lag(0)})
    fed.clear()
    await rig.look({OWN: Lag(1), FOREIGN: Lag(0)})
    assert fed, "the partition waits for its recording"
    await rig.look({OWN: Lag(1), FOREIGN: Lag(7)})
    fed.clear()
    await rig.look({OWN: Lag(1), FOREIGN: Lag(7)})
    assert fed == [], "another partition stands still"
    rig.recorder.go_on.set()


async def test_the_watchdog_hears_what_the_worker_waits_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(rig.watchdog, "warn", told.append)
    await rig.look({OWN: Lag(7), FOREIGN: Lag(0)})
    await rig.look({OWN: Lag(7), FOREIGN: Lag(0)})
    assert told[-1] == "in-0 stands at offset 0 for 0 s, 7 records wait"
    await rig.look({})
    assert "do not answer (" in told[-1]
    assert "nobody answers" in told[-1]
    await rig.lanes.drain()
    await rig.look({OWN: Lag(7), FOREIGN: Lag(0)})
    await until(lambda: "rebalance" in told[-1])


async def test_partitions_of_nobody_are_demanded_and_a_worker_without_any_is_left_out(rig: Rig) -> None:
    await rig.look({OWN: Lag(0), FOREIGN: Lag(7)})
    assert rig.demands == []
    rig.reader.owners = {OWN: "this"}
    await until(lambda: bool(rig.demands))
    assert not rig.monitor.awaits_assignment  # it has a partition of its own
    rig.monitor._lanes = Lanes(rig.shared.parts, lambda *_: MemoryTransactor(MemoryKafka(), []))  # noqa: SLF001
    assert rig.monitor.awaits_assignment
    rig.reader.owners = {OWN: "this", FOREIGN: "another"}
    await until(lambda: not rig.monitor.awaits_assignment)


async def test_the_number_of_partitions_follows_the_cluster(rig: Rig) -> None:
    await rig.look({OWN: Lag(0), FOREIGN: Lag(0)})
    assert rig.partitions.servable == 2
    assert rig.shown("audio_partition_assigned", FOREIGN) == 0


async def test_another_topic_of_the_same_name_ends_a_worker_that_reads_and_no_other(rig: Rig) -> None:
    await rig.look({OWN: Lag(0), FOREIGN: Lag(0)})
    rig.reader.topic_id = b"second"
    with pytest.raises(InputTopicGoneError, match="deleted and made again"):
        await rig.monitor.run()
    await rig.lanes.drain()
    rig.reader.topic_id = b"third"
    looking = asyncio.create_task(rig.monitor.run())
    await rig.look({OWN: Lag(0), FOREIGN: Lag(0)})
    assert not looking.done()
    looking.cancel()
