"""From a fetch to an agent. No broker is needed: a fake of the consumer's thread returns the records."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import faust
import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition
from faust.transport.consumer import Fetcher
from faust.types import TP

from schemas import Rejection
from streams.delivery.transactions import Committed
from streams.engine.fetch_loop import EventQueue, UnreadableMessage
from streams.engine.intake import raw_topic
from streams.engine.transport import LaneConsumer, LaneTransport
from streams.kafka.protocol.unreadable import Unreadable, unreadable
from streams.runtime.settings import Settings
from streams.runtime.wiring import Runtime, create_runtime
from tests.support.delivery import Echo, member, until

GENERATION = 3
INPUT = TP("audio.raw", 0)
#: What the queue of an input topic holds.
QUEUE = 16


def fail(error: BaseException) -> None:
    raise error


class Thread:
    """A fake of the consumer's thread: returns the records of these offsets, fetch by fetch."""

    def __init__(self) -> None:
        self.fetches: asyncio.Queue[range] = asyncio.Queue()
        self.value = b"v"
        self.lost: Unreadable | None = None

    async def getmany(self, active: set[TP] | None, timeout: float) -> dict[TP, list[ConsumerRecord[bytes, bytes]]]:
        offsets = await self.fetches.get()
        records = [
            ConsumerRecord("audio.raw", 0, offset, 1000, 0, b"k", self.value, None, 1, len(self.value), ())
            for offset in offsets
        ]
        return {INPUT: records if self.lost is None else [self.lost]}


class Way:
    """The parts between a fetch and an agent.

    Attributes:
        thread: Says what is fetched.
        queue: Where it waits for the agent.
        events: What the agent gets.
    """

    def __init__(self, runtime: Runtime, consumer: LaneConsumer, stream: Any) -> None:
        self.app = runtime.app
        self.consumer = consumer
        self.thread = cast("Thread", consumer._thread)  # noqa: SLF001  the stand-in
        self.queue: EventQueue = stream.channel.queue
        self._events = aiter(stream.noack().events())

    async def read(self, count: int) -> list[int]:
        """Offsets of the next events."""
        async with asyncio.timeout(5):
            return [(await anext(self._events)).message.offset for _ in range(count)]

    async def event(self) -> Any:
        """The next event."""
        async with asyncio.timeout(5):
            return await anext(self._events)

    def stop_flow(self) -> None:
        """As Faust does when a rebalance begins."""
        self.consumer.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()

    def resume_flow(self, generation: int) -> None:
        """As Faust does when a rebalance is over."""
        self.app.consumer_generation_id = generation
        self.app.flow_control.resume()
        self.consumer.resume_flow()


@pytest.fixture
async def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Way]:
    async def ignore(*_: Any) -> None:
        return None

    runtime = create_runtime(Settings(state_dir=tmp_path), "member", fail)
    runtime.lanes.serve("audio.raw", Echo())
    stream: Any = runtime.app.stream(cast("faust.Topic", raw_topic(runtime.app, "audio.raw", 16)))
    transport = cast("LaneTransport", runtime.app.transport)
    consumer = transport.create_consumer(ignore, on_partitions_revoked=ignore, on_partitions_assigned=ignore)
    assert isinstance(consumer, LaneConsumer)
    monkeypatch.setattr(consumer, "_thread", Thread())
    monkeypatch.setattr(consumer, "assignment", lambda: {INPUT})
    await runtime.app.topics.on_partitions_assigned({INPUT})
    runtime.lanes.expect(member(GENERATION))
    await runtime.lanes.open([], no_positions)
    way = Way(runtime, consumer, stream)
    way.resume_flow(GENERATION)
    loop = asyncio.create_task(consumer._drain_messages(Fetcher(runtime.app)))  # noqa: SLF001  what Faust starts
    yield way
    loop.cancel()
    await asyncio.gather(loop, return_exceptions=True)


async def no_positions(_: Committed) -> dict[Any, int]:
    return {}


async def test_an_agent_that_waits_holds_back_the_fetch(way: Way) -> None:
    way.thread.fetches.put_nowait(range(3 * QUEUE))
    await until(lambda: way.queue.qsize() == QUEUE)
    await asyncio.sleep(0.05)
    assert way.queue.qsize() == QUEUE
    assert await way.read(3 * QUEUE) == list(range(3 * QUEUE))


async def test_what_waits_for_room_when_the_flow_stops_is_dropped(way: Way) -> None:
    way.thread.fetches.put_nowait(range(3 * QUEUE))
    await until(way.queue.full)
    way.stop_flow()
    await asyncio.sleep(0.05)
    way.resume_flow(GENERATION + 1)
    way.thread.fetches.put_nowait(range(70, 72))
    assert await way.read(2) == [70, 71]


async def test_what_waits_for_room_when_another_generation_begins_is_dropped(way: Way) -> None:
    way.thread.fetches.put_nowait(range(3 * QUEUE))
    await until(way.queue.full)
    way.stop_flow()
    way.resume_flow(GENERATION + 1)  # before the loop has run
    way.thread.fetches.put_nowait(range(70, 72))
    assert await way.read(2) == [70, 71]


async def test_an_event_of_an_earlier_generation_is_not_for_the_agent(way: Way) -> None:
    way.thread.fetches.put_nowait(range(1))
    await until(lambda: way.queue.qsize() == 1)
    way.app.consumer_generation_id = GENERATION + 1
    way.thread.fetches.put_nowait(range(7, 8))
    assert await way.read(1) == [7]


async def test_what_was_read_before_a_seek_is_dropped(way: Way) -> None:
    way.consumer._read_offset[INPUT] = 5  # noqa: SLF001  as a seek sets it
    way.thread.fetches.put_nowait(range(3, 8))
    assert await way.read(3) == [5, 6, 7]


async def test_records_of_a_partition_that_was_paused_meanwhile_are_dropped(way: Way) -> None:
    way.thread.fetches.put_nowait(range(3 * QUEUE))
    await until(way.queue.full)
    way.consumer.pause_partitions({INPUT})
    assert await way.read(QUEUE) == list(range(QUEUE))
    await asyncio.sleep(0.05)
    assert way.queue.empty()


async def test_a_queue_is_full_of_bytes_as_well(way: Way) -> None:
    way.thread.value = bytes(5 * 2**20)
    way.thread.fetches.put_nowait(range(8))
    await until(lambda: way.queue.qsize() == 2)
    await asyncio.sleep(0.05)
    assert way.queue.qsize() == 2
    assert await way.read(8) == list(range(8))
    way.stop_flow()  # discards the queued events
    way.resume_flow(GENERATION + 1)
    way.thread.fetches.put_nowait(range(8, 10))
    assert await way.read(2) == [8, 9]


async def test_what_is_unreadable_arrives_as_such_and_is_read_once(way: Way) -> None:
    rejection = Rejection("record", "UnreadableBatch", "batch", "cannot be read")
    lost = unreadable(TopicPartition("audio.raw", 0), 0, rejection, next_offset=5, value=b"batch")
    way.thread.lost = lost
    way.thread.fetches.put_nowait(range(1))
    event = await way.event()
    assert isinstance(event.message, UnreadableMessage)
    assert (event.message.cause, event.message.value, event.message.generation_id) == (lost, b"batch", GENERATION)
    assert way.consumer._read_offset[INPUT] == 4  # noqa: SLF001  what a seek would begin behind
