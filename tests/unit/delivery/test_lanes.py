import asyncio
from collections.abc import Collection, Iterator, Mapping

import pytest

from schemas.record import TopicPartition
from streams.delivery.lanes import Lanes, OffsetWentBackError, UnownedInputError
from streams.delivery.outcome import InputRecord
from streams.delivery.transactions import Committed, Transactor
from streams.kafka.protocol.txn_offset_commit import GroupMember
from tests.support.delivery import TOPIC, Bench, Echo, MemoryKafka, MemoryTransactor, bench, input_record, member


@pytest.fixture
def shared() -> Iterator[Bench]:
    made = bench()
    yield made
    made.close()


SOURCES = [TopicPartition(TOPIC, 0), TopicPartition(TOPIC, 1)]


def lanes_on(kafka: MemoryKafka, shared: Bench, made: list[MemoryTransactor] | None = None) -> Lanes:
    def new_transactor(_: GroupMember, tps: Collection[TopicPartition]) -> Transactor:
        transactor = MemoryTransactor(kafka, [tp.partition for tp in tps])
        if made is not None:
            made.append(transactor)
        return transactor

    lanes = Lanes(shared.parts, new_transactor)
    lanes.serve(TOPIC, Echo())
    return lanes


async def submit(lanes: Lanes, record: InputRecord, generation: int) -> None:
    lanes.announce(TopicPartition(TOPIC, record.position.partition), record.position.offset, generation)
    await lanes.submit(record, generation)


async def begin(committed: Committed) -> Mapping[TopicPartition, int]:
    return {tp: committed[tp].offset if tp in committed else 0 for tp in SOURCES}


async def test_lanes_begin_where_they_are_told_and_commit_that_first(shared: Bench) -> None:
    kafka = MemoryKafka(offsets={0: 7})

    async def begin_elsewhere(committed: Committed) -> Mapping[TopicPartition, int]:
        assert {tp: offset for tp, (offset, _) in committed.items()} == {SOURCES[0]: 7}
        return dict(zip(SOURCES, (9, 0), strict=True))

    lanes = lanes_on(kafka, shared)
    lanes.expect(member(1))
    await lanes.open(SOURCES, begin_elsewhere)
    assert kafka.offsets == {0: 9}
    for offset in (8, 9):
        await submit(lanes, input_record(offset), 1)
    await lanes.close()
    assert kafka.values() == [b"9"]


async def test_an_offset_below_what_this_process_has_committed_is_refused(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    lanes.expect(member(1))
    await lanes.open(SOURCES, begin)
    for offset in range(5):
        await submit(lanes, input_record(offset), 1)
    await lanes.drain()
    for offsets in ({0: 4}, {}):
        kafka.offsets = dict(offsets)
        lanes.expect(member(2))
        with pytest.raises(OffsetWentBackError, match="in-0 went back from 5 to"):
            await lanes.open(SOURCES, begin)
    kafka.offsets = {0: 6}  # another worker has gone on meanwhile
    await lanes.open(SOURCES, begin)
    assert lanes.ready
    await lanes.close()


async def test_a_generation_opens_once(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    assert not lanes.ready
    lanes.expect(member(1))
    assert not lanes.ready
    await lanes.open(SOURCES, begin)
    await lanes.open(SOURCES, begin)
    assert lanes.ready
    assert kafka.epochs == {0: 1, 1: 1}
    await lanes.close()


async def test_nothing_opens_unless_partitions_are_assigned(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    await lanes.open(SOURCES, begin)
    assert kafka.epochs == {}
    await lanes.close()
    lanes.expect(member(1))
    await lanes.open(SOURCES, begin)
    assert kafka.epochs == {}


async def test_each_generation_goes_on_where_the_one_before_committed(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    for generation in (1, 2, 3):
        lanes.expect(member(generation))
        await lanes.open(SOURCES, begin)
        for offset in range(generation * 10):
            await submit(lanes, input_record(offset), generation)  # the fetcher may begin too early, never too late
        await lanes.drain()
    assert kafka.values() == [str(offset).encode() for offset in range(30)]


async def test_records_of_a_generation_that_has_gone_are_dropped(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    lanes.expect(member(1))
    await lanes.open(SOURCES, begin)
    await lanes.drain()
    await submit(lanes, input_record(0), 1)
    lanes.expect(member(2))
    await lanes.open(SOURCES, begin)
    await submit(lanes, input_record(5), 1)
    await submit(lanes, input_record(0), 2)
    await lanes.drain()
    assert kafka.values() == [b"0"]


async def test_a_record_for_an_assigned_partition_without_a_lane_is_never_skipped(shared: Bench) -> None:
    lanes = lanes_on(MemoryKafka(), shared)
    lanes.expect(member(4))
    with pytest.raises(UnownedInputError):
        await submit(lanes, input_record(0), 4)


async def test_a_rebalance_while_lanes_open_leaves_none_open(shared: Bench) -> None:
    kafka = MemoryKafka()
    made: list[MemoryTransactor] = []
    lanes = lanes_on(kafka, shared, made)
    reading = asyncio.Event()
    proceed = asyncio.Event()

    async def read(_: Committed) -> Mapping[TopicPartition, int]:
        reading.set()
        await proceed.wait()
        return dict.fromkeys(SOURCES, 0)

    lanes.expect(member(1))
    opening = asyncio.create_task(lanes.open(SOURCES, read))
    await reading.wait()
    draining = asyncio.create_task(lanes.drain())
    await asyncio.sleep(0)
    proceed.set()
    await asyncio.gather(opening, draining)
    assert not lanes.ready
    assert all(transactor.stopped for transactor in made)


async def test_opening_that_is_cancelled_stops_its_producers(shared: Bench) -> None:
    made: list[MemoryTransactor] = []
    lanes = lanes_on(MemoryKafka(), shared, made)

    async def read(_: Committed) -> Mapping[TopicPartition, int]:
        await asyncio.sleep(60)
        return {}

    lanes.expect(member(1))
    opening = asyncio.create_task(lanes.open(SOURCES, read))
    await asyncio.sleep(0.01)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert [transactor.stopped for transactor in made] == [True]
