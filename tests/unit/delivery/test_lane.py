import asyncio
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from schemas import Record, Rejection
from schemas.record import TopicPartition
from streams.delivery.breaker import DeadLetterLimitError
from streams.delivery.committer import Committer
from streams.delivery.lane import Lane, SkippedInputError
from streams.delivery.lane_parts import Service
from streams.delivery.outcome import Damage, InputRecord, Outcome, Output
from tests.support.delivery import (
    TOPIC,
    Bench,
    Echo,
    FencedError,
    MemoryKafka,
    MemoryTransactor,
    bench,
    input_record,
    until,
)


@pytest.fixture
def shared() -> Iterator[Bench]:
    made = bench()
    yield made
    made.close()


async def open_lane(
    shared: Bench,
    kafka: MemoryKafka,
    echo: Echo,
    *,
    generation: int = 1,
    position: int = 0,
    hold: asyncio.Event | None = None,
) -> tuple[Lane, Committer]:
    transactor = MemoryTransactor(kafka, [0], hold.wait if hold else None)
    await transactor.start()
    committer = Committer(transactor, shared.parts)
    lane = Lane(
        TopicPartition(TOPIC, 0),
        Service(echo),
        generation=generation,
        position=position,
        parts=shared.parts,
        on_finished=committer.finished,
    )
    committer.start([lane])
    return lane, committer


async def submit(lane: Lane, record: InputRecord, generation: int) -> bool:
    lane.announce(record.position.offset, generation)
    return await lane.submit(record, generation)


def jitter(record: InputRecord) -> None:
    time.sleep(random.random() * 0.003)


async def test_outputs_keep_input_order_whatever_the_threads_do(shared: Bench) -> None:
    kafka, echo = MemoryKafka(), Echo(jitter)
    lane, committer = await open_lane(shared, kafka, echo)
    for offset in range(300):
        assert await submit(lane, input_record(offset), 1)
    await committer.drain()
    assert kafka.values() == [str(offset).encode() for offset in range(300)]
    assert kafka.offsets == {0: 300}
    assert echo.delivered_offsets == list(range(300))
    assert shared.failures == []


async def test_records_share_transactions_under_load(shared: Bench) -> None:
    kafka = MemoryKafka()
    lane, committer = await open_lane(shared, kafka, Echo())
    for offset in range(200):
        await submit(lane, input_record(offset), 1)
    await committer.drain()
    assert sum(kafka.batches) == 200
    assert len(kafka.batches) < 100


async def test_a_lane_refuses_other_generations_and_offsets_it_has_taken(shared: Bench) -> None:
    kafka = MemoryKafka()
    lane, committer = await open_lane(shared, kafka, Echo(), generation=7, position=10)
    assert not await submit(lane, input_record(10), 6)
    assert not await submit(lane, input_record(9), 7)
    assert await submit(lane, input_record(10), 7)
    assert not await submit(lane, input_record(10), 7)
    assert await submit(lane, input_record(15), 7)  # transaction markers and compaction leave gaps
    await committer.drain()
    assert kafka.values() == [b"10", b"15"]
    assert kafka.offsets == {0: 16}


async def test_draining_commits_what_was_taken_and_refuses_the_rest(shared: Bench) -> None:
    kafka, hold = MemoryKafka(), asyncio.Event()
    lane, committer = await open_lane(shared, kafka, Echo(), hold=hold)
    for offset in range(5):
        await submit(lane, input_record(offset), 1)
    draining = asyncio.create_task(committer.drain())
    await asyncio.sleep(0)
    assert not await submit(lane, input_record(5), 1)
    hold.set()
    await draining
    assert kafka.offsets == {0: 5}


async def test_discarding_commits_nothing_more_and_gives_the_budget_back(shared: Bench) -> None:
    kafka, hold = MemoryKafka(), asyncio.Event()
    lane, committer = await open_lane(shared, kafka, Echo(), hold=hold)
    for offset in range(5):
        await submit(lane, input_record(offset), 1)
    await asyncio.sleep(0.05)
    await committer.discard()
    assert kafka.offsets == {}
    assert shared.parts.budget.bytes == 0
    assert not shared.parts.budget.watchers


async def test_a_full_budget_holds_the_reader_back_until_a_commit() -> None:
    small = bench(size=3 * input_record(0).size)
    kafka, hold = MemoryKafka(), asyncio.Event()
    lane, committer = await open_lane(small, kafka, Echo(), hold=hold)
    for offset in range(3):
        await submit(lane, input_record(offset), 1)
    waiting = asyncio.create_task(submit(lane, input_record(3), 1))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    hold.set()
    assert await waiting
    await committer.drain()
    assert kafka.offsets == {0: 4}
    small.close()


async def test_a_reader_that_waits_for_a_closing_lane_is_refused() -> None:
    small = bench(size=input_record(0).size)
    kafka, hold = MemoryKafka(), asyncio.Event()
    lane, committer = await open_lane(small, kafka, Echo(), hold=hold)
    await submit(lane, input_record(0), 1)
    waiting = asyncio.create_task(submit(lane, input_record(1), 1))
    await asyncio.sleep(0.02)
    draining = asyncio.create_task(committer.drain())
    hold.set()
    await draining
    assert not await waiting
    assert kafka.offsets == {0: 1}
    assert (small.parts.budget.records, small.parts.budget.bytes) == (0, 0)
    small.close()


async def test_a_fenced_lane_reports_and_commits_nothing(shared: Bench) -> None:
    kafka = MemoryKafka()
    zombie, _ = await open_lane(shared, kafka, Echo())
    successor, committer = await open_lane(shared, kafka, Echo(), generation=2)
    await submit(zombie, input_record(0), 1)
    await until(lambda: bool(shared.failures))
    assert isinstance(shared.failures[0], FencedError)
    assert kafka.offsets == {}
    await submit(successor, input_record(0), 2)
    await committer.drain()
    assert kafka.values() == [b"0"]


async def test_table_updates_are_written_before_their_offset_is_committed(shared: Bench) -> None:
    def remember(record: InputRecord) -> Outcome[None]:
        return Outcome((Output("out", record.content),), None, table_updates=((b"k", record.content.value or b""),))

    kafka, hold = MemoryKafka(), asyncio.Event()
    lane, committer = await open_lane(shared, kafka, Echo(remember), hold=hold)
    await submit(lane, input_record(0), 1)
    await until(lambda: shared.store.entries == {b"k": b"0"})
    assert kafka.offsets == {}
    hold.set()
    await committer.drain()


async def test_a_processor_that_raises_costs_one_dead_letter(shared: Bench) -> None:
    def fail_at_two(record: InputRecord) -> None:
        if record.position.offset == 2:
            raise ZeroDivisionError

    kafka = MemoryKafka()
    lane, committer = await open_lane(shared, kafka, Echo(fail_at_two))
    for offset in range(5):
        await submit(lane, input_record(offset), 1)
    await committer.drain()
    assert kafka.values() == [b"0", b"1", b"ZeroDivisionError", b"3", b"4"]
    assert shared.failures == []


async def test_the_breaker_stops_the_worker_at_the_limit() -> None:
    def refuse(record: InputRecord) -> Outcome[None]:
        rejection = Rejection("decode", "Broken", "value", "everything is broken")
        return Outcome((Output("dead", Record(b"", b"")),), rejection)

    shared = bench(limit=20)
    kafka = MemoryKafka()
    lane, _ = await open_lane(shared, kafka, Echo(refuse))
    for offset in range(40):
        await submit(lane, input_record(offset), 1)
    await until(lambda: bool(shared.failures))
    assert isinstance(shared.failures[0], DeadLetterLimitError)
    assert "everything is broken" in str(shared.failures[0])
    assert kafka.offsets == {0: 20}
    shared.close()


async def test_a_record_that_was_read_and_never_came_is_not_passed_over(shared: Bench) -> None:
    kafka = MemoryKafka()
    lane, committer = await open_lane(shared, kafka, Echo())
    for offset in range(3):
        lane.announce(offset, 1)
    assert await lane.submit(input_record(0), 1)
    with pytest.raises(SkippedInputError):
        await lane.submit(input_record(2), 1)
    await committer.drain()
    assert kafka.offsets == {0: 1}


async def test_what_ended_a_worker_is_committed_before_it_ends_so_that_the_next_one_gets_on() -> None:
    """More clips that are always late than threads, on every life of a supervised worker; then one that is not."""
    kafka, late, lives, release = MemoryKafka(), 7, 0, threading.Event()

    def hang(record: InputRecord) -> None:
        if record.position.offset < late:
            release.wait(30)

    while kafka.offsets.get(0, 0) <= late:
        lives += 1
        life = bench(threads=2, timeout=0.05)
        watch = asyncio.create_task(life.parts.executor.enforce_timeouts())
        lane, _ = await open_lane(life, kafka, Echo(hang), position=kafka.offsets.get(0, 0))
        for offset in range(kafka.offsets.get(0, 0), late + 1):
            await submit(lane, input_record(offset), 1)
        await until(lambda life=life: bool(life.failures) or kafka.offsets.get(0, 0) > late)  # type: ignore[misc]
        watch.cancel()
        life.close()
    release.set()
    assert lives == 4
    assert kafka.values() == [b"ProcessingTimeout"] * late + [str(late).encode()]


async def test_an_unreadable_input_is_refused_unread_and_may_stand_for_several_offsets(shared: Bench) -> None:
    def never(record: InputRecord) -> Outcome[None]:
        raise AssertionError

    rejection = Rejection("record", "UnreadableBatch", "batch", "cannot be read")
    unreadable = replace(input_record(3, b"batch"), damage=Damage(rejection, next_offset=7))
    kafka = MemoryKafka()
    lane, committer = await open_lane(shared, kafka, Echo(never))
    assert await submit(lane, unreadable, 1)
    assert not await submit(lane, input_record(6), 1)  # it was part of that
    await until(lambda: lane.committed == 7)
    await committer.drain()
    assert kafka.values() == [b"UnreadableBatch"]
    assert kafka.offsets == {0: 7}


def test_everything_that_a_record_carries_counts_in_flight() -> None:
    small = input_record(0, b"").size
    record = Record(bytes(100), bytes(1000), (("n" * 10, bytes(10_000)), ("m", None)))
    assert InputRecord(input_record(0).position, record).size - small == 100 + 1000 + 10 + 10_000 + 1 - len(b"key")
    rejection = Rejection("record", "TooManyHeaders", "headers", "are many")
    damaged = replace(input_record(0, b""), damage=Damage(rejection, 1, raw_headers=bytes(5000)))
    assert damaged.size - small == 5000
    letter = damaged.letter(rejection)
    assert (letter.last_offset, letter.raw_headers) == (None, bytes(5000))
