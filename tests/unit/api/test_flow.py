"""Figures of the last minute."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from streams.api.flow import Flow
from streams.api.index.changes import TOPICS, Change, Value
from streams.api.index.result_index import ResultIndex

NOW = 1_000_000.0


def change(kind: str, call: str, at: float, **columns: Value) -> Change:
    about: dict[str, Value] = {"hotel": "lisbon", "call": call, "final": 0, "time_ms": round((NOW - at) * 1000)}
    return Change(str(uuid.uuid4()), kind, about | columns)


@pytest.fixture
def index(tmp_path: Path) -> ResultIndex:
    made = ResultIndex(tmp_path / "index", TOPICS)
    result: dict[str, Value] = {"out_offset": 1, "duration_ms": 30_000, "original_bytes": 900, "out_size": 100}
    ms = round(NOW * 1000)
    made.write(
        [
            change("result", "a", 20, out_ms=ms - 10_000, **result),
            change("result", "a", 30, out_ms=ms - 20_000, **result),
            change("result", "b", 200, out_ms=ms - 190_000, **result),
            change("letter", "c", 5, dead_offset=1, dead_ms=ms - 4000),
            change("input", "d", 3, in_topic=0, in_offset=1),
            change("input", "e", 3000, in_topic=0, in_offset=2),
        ],
        {},
    )
    return made


async def test_figures_are_those_of_the_last_minute(index: ResultIndex) -> None:
    flow = Flow(index, lambda: NOW)
    await flow.add()
    (figures,) = flow.after(0)
    shown = {name: value for name, value in figures.document.items() if name != "time"}
    assert shown == {
        "callsPerMinute": 1,
        "audioSecondsPerSecond": 1.0,
        "ratio": 9.0,
        "lag": 1,
        "deadLettersPerMinute": 1,
    }


async def seconds(events: AsyncIterator[bytes], count: int) -> list[int]:
    """The seconds of the next events, counted from `NOW`."""
    return [int((await anext(events)).split(b"\n")[0].removeprefix(b"id: ")) - int(NOW) for _ in range(count)]


async def test_who_comes_back_gets_what_was_missed(index: ResultIndex) -> None:
    now = NOW
    flow = Flow(index, lambda: now)
    for second in range(3):
        now = NOW + second
        await flow.add()
    async with contextlib.aclosing(flow.events(int(NOW))) as events:
        assert await seconds(events, 2) == [1, 2]
        assert flow.readers == 1
    assert flow.readers == 0
    assert flow.after(int(NOW) + 2) == []


async def test_who_comes_back_after_a_restart_gets_what_was_missed_and_what_was_then(index: ResultIndex) -> None:
    flow = Flow(index, lambda: NOW)
    await flow.add()
    async with contextlib.aclosing(flow.events(int(NOW) - 4)) as events:
        assert await seconds(events, 4) == [-3, -2, -1, 0]
    past, present = flow.after(int(NOW) - 3)[0].document, flow.after(0)[0].document
    assert past["deadLettersPerMinute"] == present["deadLettersPerMinute"] == 1
    then = Flow(index, lambda: NOW - 5)  # before the letter, the input that waits, and nothing else
    await then.add()
    assert then.after(0)[0].document | {"time": ""} == present | {"deadLettersPerMinute": 0, "lag": 1, "time": ""}


async def test_who_comes_back_after_a_day_gets_five_minutes(index: ResultIndex) -> None:
    flow = Flow(index, lambda: NOW)
    await flow.add()
    async with contextlib.aclosing(flow.events(int(NOW) - 86_400)) as events:
        assert (await seconds(events, 1))[0] == -299


async def test_all_readers_get_the_same_and_a_late_one_what_is_new(index: ResultIndex) -> None:
    now = NOW
    flow = Flow(index, lambda: now)
    await flow.add()
    async with contextlib.aclosing(flow.events(0)) as first, contextlib.aclosing(flow.events(0)) as second:
        shown = [await anext(events) for events in (first, second)]
        assert shown[0] is shown[1]
        waiting = asyncio.ensure_future(anext(first))
        now = NOW + 1
        await flow.add()
        assert (await waiting).startswith(b"id: 1000001\n")
        now = NOW + 2
        await flow.add()
        assert await seconds(second, 2) == [1, 2]


async def test_a_quiet_minute_has_no_ratio(tmp_path: Path) -> None:
    flow = Flow(ResultIndex(tmp_path / "index", TOPICS), lambda: NOW)
    await flow.add()
    (figures,) = flow.after(0)
    assert figures.document["ratio"] is None
    assert figures.document["callsPerMinute"] == 0
