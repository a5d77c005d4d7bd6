import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping

import pytest

from streams.delivery.lanes import Lanes, UnownedInputError
from streams.delivery.outcome import Input, Source
from streams.delivery.transactions import Transactor
from streams.protocol.txn_offset_commit import GroupMember
from tests.support.delivery import TOPIC, Bench, Echo, MemoryKafka, MemoryTransactor, bench, item, member


@pytest.fixture
def shared() -> Iterator[Bench]:
    made = bench()
    yield made
    made.close()


SOURCES = [Source(TOPIC, 0), Source(TOPIC, 1)]


def lanes_on(kafka: MemoryKafka, shared: Bench, made: list[MemoryTransactor] | None = None) -> Lanes:
    def new_transactor(_: GroupMember, sources: Collection[Source]) -> Transactor:
        transactor = MemoryTransactor(kafka, [source.partition for source in sources])
        if made is not None:
            made.append(transactor)
        return transactor

    lanes = Lanes(shared.parts, new_transactor)
    lanes.serve(TOPIC, Echo())
    return lanes


async def submit(lanes: Lanes, item: Input, generation: int) -> None:
    lanes.announce(Source(TOPIC, item.position.partition), item.position.offset, generation)
    await lanes.submit(item, generation, None)


def committed(kafka: MemoryKafka) -> Callable[[], Awaitable[Mapping[Source, int]]]:
    async def read() -> Mapping[Source, int]:
        return {source: kafka.offsets.get(source.partition, 0) for source in SOURCES}

    return read


async def test_fencing_comes_before_the_offsets_are_read(shared: Bench) -> None:
    kafka = MemoryKafka()
    epochs: list[dict[int, int]] = []

    async def read() -> Mapping[Source, int]:
        epochs.append(dict(kafka.epochs))
        return dict.fromkeys(SOURCES, 0)

    lanes = lanes_on(kafka, shared)
    lanes.expect(member(1))
    await lanes.open(SOURCES, read)
    assert epochs == [{0: 1, 1: 1}]
    await lanes.close()


async def test_a_generation_opens_once(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    assert not lanes.ready
    lanes.expect(member(1))
    assert not lanes.ready
    await lanes.open(SOURCES, committed(kafka))
    await lanes.open(SOURCES, committed(kafka))
    assert lanes.ready
    assert kafka.epochs == {0: 1, 1: 1}
    await lanes.close()


async def test_nothing_opens_unless_partitions_are_assigned(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    await lanes.open(SOURCES, committed(kafka))
    assert kafka.epochs == {}
    await lanes.close()
    lanes.expect(member(1))
    await lanes.open(SOURCES, committed(kafka))
    assert kafka.epochs == {}


async def test_each_generation_goes_on_where_the_one_before_committed(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    for generation in (1, 2, 3):
        lanes.expect(member(generation))
        await lanes.open(SOURCES, committed(kafka))
        for offset in range(generation * 10):
            await submit(lanes, item(offset), generation)  # the fetcher may begin too early, never too late
        await lanes.drain()
    assert kafka.values() == [str(offset).encode() for offset in range(30)]


async def test_records_of_a_generation_that_has_gone_are_dropped(shared: Bench) -> None:
    kafka = MemoryKafka()
    lanes = lanes_on(kafka, shared)
    lanes.expect(member(1))
    await lanes.open(SOURCES, committed(kafka))
    await lanes.drain()
    await submit(lanes, item(0), 1)
    lanes.expect(member(2))
    await lanes.open(SOURCES, committed(kafka))
    await submit(lanes, item(5), 1)
    await submit(lanes, item(0), 2)
    await lanes.drain()
    assert kafka.values() == [b"0"]


async def test_a_record_for_an_assigned_partition_without_a_lane_is_never_skipped(shared: Bench) -> None:
    lanes = lanes_on(MemoryKafka(), shared)
    lanes.expect(member(4))
    with pytest.raises(UnownedInputError):
        await submit(lanes, item(0), 4)


async def test_a_rebalance_while_lanes_open_leaves_none_open(shared: Bench) -> None:
    kafka = MemoryKafka()
    made: list[MemoryTransactor] = []
    lanes = lanes_on(kafka, shared, made)
    reading = asyncio.Event()
    proceed = asyncio.Event()

    async def read() -> Mapping[Source, int]:
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

    async def read() -> Mapping[Source, int]:
        await asyncio.sleep(60)
        return {}

    lanes.expect(member(1))
    opening = asyncio.create_task(lanes.open(SOURCES, read))
    await asyncio.sleep(0.01)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    assert [transactor.stopped for transactor in made] == [True]
