"""Figures of the last minute."""

import uuid
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
    (figures,) = await Flow(index, lambda: NOW).after(0)
    shown = {name: value for name, value in figures.document.items() if name != "time"}
    assert shown == {
        "callsPerMinute": 1,
        "audioSecondsPerSecond": 1.0,
        "ratio": 9.0,
        "lag": 1,
        "deadLettersPerMinute": 1,
    }


async def test_who_comes_back_gets_what_was_missed(index: ResultIndex) -> None:
    now = NOW
    flow = Flow(index, lambda: now)
    for second in range(3):
        now = NOW + second
        await flow.after(0)
    assert [one.second - NOW for one in await flow.after(int(NOW))] == [1, 2]
    assert await flow.after(int(NOW) + 2) == []


async def test_a_quiet_minute_has_no_ratio(tmp_path: Path) -> None:
    (figures,) = await Flow(ResultIndex(tmp_path / "index", TOPICS), lambda: NOW).after(0)
    assert figures.document["ratio"] is None
    assert figures.document["callsPerMinute"] == 0
