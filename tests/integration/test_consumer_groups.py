"""Consumers in a group: what is handled is committed, and nothing is lost while no consumer runs."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from schemas import CompressedAudio, Record, Rejection
from streams.clients import Call, CompressedAudioConsumer, MixedIterationError
from tests.support.brokers import Broker
from tests.support.call_segments import result
from tests.support.events import COMPRESSED as RESULT
from tests.support.result_topic import ResultTopic

WITHIN = 30.0
EVENTS = [replace(RESULT, sequence=number) for number in range(4)]


class Group:
    """A consumer group on the test's topic."""

    def __init__(self, broker: Broker, results: ResultTopic) -> None:
        self._servers = broker.bootstrap_servers
        self._topic = results.topic

    def member(self, **options: Any) -> CompressedAudioConsumer:
        group_id = f"{self._topic}-readers"
        return CompressedAudioConsumer(self._servers, self._topic, group_id=group_id, **options)


@pytest.fixture
def group(broker: Broker, results: ResultTopic) -> Group:
    return Group(broker, results)


@asynccontextmanager
async def failing(consumer: CompressedAudioConsumer) -> AsyncIterator[CompressedAudioConsumer]:
    """Leave a consumer with an error of the handler, after the last thing that was received."""

    async def use() -> AsyncGenerator[CompressedAudioConsumer, None]:
        async with consumer:
            yield consumer

    using = use()
    yield await anext(using)
    with pytest.raises(RuntimeError, match="the handler fails"):
        await using.athrow(RuntimeError("the handler fails"))


async def receive(consumer: CompressedAudioConsumer, count: int) -> list[CompressedAudio | Rejection]:
    async with asyncio.timeout(WITHIN):
        return [await anext(consumer) for _ in range(count)]


async def receive_calls(consumer: CompressedAudioConsumer, count: int, **policy: Any) -> list[Call]:
    """Receive calls; all are handled but the last one."""
    found: list[Call] = []
    async with asyncio.timeout(WITHIN), aclosing(consumer.calls(**policy)) as calls:
        async for call in calls:
            assert isinstance(call, Call)
            found.append(call)
            if len(found) == count:
                return found
    raise AssertionError("unreachable: calls never end")


def segments(call: str, count: int, *, ends: bool = True) -> list[CompressedAudio]:
    changes = {"call_id": call, "stream_id": f"{call}:guest"}
    return [
        result(number, causation_id=f"{call}-{number}", final=ends and number == count - 1, **changes)
        for number in range(count)
    ]


async def write(results: ResultTopic, *events: CompressedAudio) -> None:
    await results.write(*(event.to_record() for event in events), partition=0)


async def test_nothing_is_lost_while_no_consumer_runs(results: ResultTopic, group: Group) -> None:
    async with group.member():
        pass  # there is nothing yet
    await write(results, *EVENTS[:2])
    async with group.member() as consumer:
        assert await receive(consumer, 2) == EVENTS[:2]
    await write(results, *EVENTS[2:])
    async with group.member() as consumer:
        assert await receive(consumer, 2) == EVENTS[2:]


async def test_what_is_not_handled_arrives_again(results: ResultTopic, group: Group) -> None:
    await write(results, *EVENTS)
    async with failing(group.member(from_beginning=True)) as consumer:
        assert await receive(consumer, 2) == EVENTS[:2]
    async with group.member() as consumer:
        assert await receive(consumer, 3) == EVENTS[1:]


async def test_handled_results_are_committed_while_a_consumer_waits(results: ResultTopic, group: Group) -> None:
    await write(results, *EVENTS[:2])
    consumer = group.member(from_beginning=True)
    await consumer.__aenter__()
    assert await receive(consumer, 2) == EVENTS[:2]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(consumer), 3)
    await consumer._consumer.stop()  # noqa: SLF001 - it ends without a last commit, as after a crash
    await write(results, *EVENTS[2:])
    async with group.member() as consumer:
        assert await receive(consumer, 2) == EVENTS[2:]


async def test_without_automatic_commits_only_commit_does_it(results: ResultTopic, group: Group) -> None:
    await write(results, *EVENTS[:3])
    async with group.member(from_beginning=True, auto_commit=False) as consumer:
        assert await receive(consumer, 1) == EVENTS[:1]
        await consumer.commit()
        assert await receive(consumer, 1) == EVENTS[1:2]
    async with group.member() as consumer:
        assert await receive(consumer, 2) == EVENTS[1:3]


async def test_two_consumers_of_a_new_group_start_at_the_next_result(results: ResultTopic, group: Group) -> None:
    for partition in range(8):
        await results.write(EVENTS[0].to_record(), partition=partition)
    async with group.member() as one, group.member() as other:
        for partition in range(8):
            await results.write(EVENTS[1].to_record(), partition=partition)
        found: list[Any] = []

        async def collect(consumer: CompressedAudioConsumer) -> None:
            while True:
                found.append(await anext(consumer))

        tasks = [asyncio.create_task(collect(consumer)) for consumer in (one, other)]
        async with asyncio.timeout(WITHIN):
            while len(found) < 8:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert all(event == EVENTS[1] for event in found)


async def test_calls_arrive_whole_across_restarts_and_once(results: ResultTopic, group: Group) -> None:
    early, late, open_call = segments("early", 3), segments("late", 3), segments("open", 4)
    await write(results, early[0], open_call[0], early[1], early[2], late[0], open_call[1])
    async with group.member(from_beginning=True) as consumer:
        (first,) = await receive_calls(consumer, 1)
    await write(results, late[1], late[2], open_call[2], open_call[3])
    async with group.member() as consumer:
        second = await receive_calls(consumer, 2)
    assert [first.call_id, *(call.call_id for call in second)] == ["early", "late", "open"]
    assert all(call.complete for call in (first, *second))
    assert [one.result for one in second[1].tracks[0].segments] == open_call


async def test_a_call_whose_handler_failed_arrives_again_from_its_beginning(results: ResultTopic, group: Group) -> None:
    await write(results, *segments("one", 3), *segments("two", 2))
    async with failing(group.member(from_beginning=True)) as consumer:
        assert [call.call_id for call in await receive_calls(consumer, 2)] == ["one", "two"]
    async with group.member() as consumer:
        (again,) = await receive_calls(consumer, 1)
    assert (again.call_id, again.complete) == ("two", True)


async def test_a_call_that_never_ends_is_returned_when_it_is_idle(results: ResultTopic, group: Group) -> None:
    await write(results, *segments("open", 2, ends=False))
    async with group.member(from_beginning=True) as consumer:
        (call,) = await receive_calls(consumer, 1, idle=2.0)
    assert call.problems == ["no segment with ce_final has come"]


async def test_other_records_arrive_as_rejections_among_calls(results: ResultTopic, group: Group) -> None:
    await results.write(Record(b"x", b"?"), *(one.to_record() for one in segments("one", 1)), partition=0)
    async with group.member(from_beginning=True) as consumer, aclosing(consumer.calls()) as calls:
        async with asyncio.timeout(WITHIN):
            odd, call = await anext(calls), await anext(calls)
        assert isinstance(odd, Rejection)
        assert isinstance(call, Call)
        with pytest.raises(MixedIterationError):
            await anext(consumer)


async def test_calls_stay_whole_when_partitions_move(results: ResultTopic, group: Group) -> None:
    talks = {f"call-{partition}": segments(f"call-{partition}", 4) for partition in range(8)}
    found: list[Call | Rejection] = []

    async def collect(consumer: CompressedAudioConsumer) -> None:
        async with aclosing(consumer.calls()) as calls:
            while True:
                found.append(await anext(calls))

    async def write_all(numbers: slice) -> None:
        for partition, events in enumerate(talks.values()):
            await results.write(*(event.to_record() for event in events[numbers]), partition=partition)

    async with group.member(from_beginning=True) as one:
        tasks = [asyncio.create_task(collect(one))]
        await write_all(slice(2))
        await asyncio.sleep(1)
        async with group.member() as other:
            tasks.append(asyncio.create_task(collect(other)))
            await write_all(slice(2, 4))
            async with asyncio.timeout(WITHIN):
                while len(found) < len(talks):
                    await asyncio.sleep(0.1)
            await asyncio.sleep(1)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    calls = [one for one in found if isinstance(one, Call)]
    assert sorted(call.call_id for call in calls) == sorted(talks)
    assert all(call.complete for call in calls)
