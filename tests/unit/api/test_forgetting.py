"""Recordings of which the topics have nothing any more are forgotten, and no others."""

from pathlib import Path

from schemas.record import TopicPartition
from streams.api.index.changes import TOPICS, Change, Value
from streams.api.index.forgetting import KEPT_MS, Forgetting
from streams.api.index.identity import recording_id
from streams.api.index.result_index import ResultIndex

ABOUT: dict[str, Value] = {"hotel": "lisbon", "call": "call-1", "final": 0, "time_ms": 1000}
RAW, _, COMPRESSED, DEAD_LETTER = TOPICS


def changes(name: str, kinds: str, offset: int, appended_ms: int = 1) -> list[Change]:
    """The records of a recording, all at one offset of partition 3."""
    parts: dict[str, dict[str, Value]] = {
        "input": {"in_topic": 0, "in_partition": 3, "in_offset": offset, "in_latest": offset, "in_ms": appended_ms},
        "result": {"out_partition": 3, "out_offset": offset, "out_ms": appended_ms},
        "letter": {"dead_partition": 3, "dead_offset": offset, "dead_ms": appended_ms, "dead_input": offset},
    }
    return [Change(recording_id("/pbx", name), kind, ABOUT | parts[kind]) for kind in kinds.split()]


def known(index: ResultIndex, *names: str) -> list[str]:
    return [name for name in names if index.get(recording_id("/pbx", name)) is not None]


def step(index: ResultIndex, firsts: dict[str, int], times: int = 1, now_ms: int = KEPT_MS + 2) -> None:
    forgetting = Forgetting(index, lambda: now_ms, at_a_time=2)
    for _ in range(times):
        forgetting.step({TopicPartition(topic, 3): firsts.get(topic, 0) for topic in TOPICS})


def test_a_recording_is_forgotten_with_its_last_record(tmp_path: Path) -> None:
    index = ResultIndex(tmp_path / "index.sqlite", TOPICS)
    names = ("sent", "done", "dead", "again", "later")
    index.write(changes("sent", "input", 5), {})
    index.write(changes("done", "input result", 5), {})
    index.write(changes("dead", "input letter", 5), {})
    index.write([*changes("again", "input letter", 5), *changes("again", "input", 9)], {})
    index.write(changes("later", "result", 9), {})
    step(index, {RAW: 6}, times=4)
    assert known(index, *names) == ["done", "dead", "again", "later"]
    step(index, {RAW: 6, COMPRESSED: 6, DEAD_LETTER: 6}, times=4)
    assert known(index, *names) == ["again", "later"]
    step(index, dict.fromkeys(TOPICS, 10), times=4)
    assert known(index, *names) == []


def test_an_expired_recording_is_known_for_thirty_days(tmp_path: Path) -> None:
    index = ResultIndex(tmp_path / "index.sqlite", TOPICS)
    index.write([*changes("old", "result", 5), *changes("new", "result", 5, appended_ms=2)], {})
    step(index, {COMPRESSED: 6}, times=2)
    assert known(index, "old", "new") == ["new"]


def test_all_recordings_are_looked_at_again_and_again(tmp_path: Path) -> None:
    index = ResultIndex(tmp_path / "index.sqlite", TOPICS)
    forgetting = Forgetting(index, lambda: KEPT_MS + 2, at_a_time=2)
    for _ in range(2):
        index.write([one for number in range(7) for one in changes(str(number), "result", 5)], {})
        for _ in range(6):
            forgetting.step({TopicPartition(COMPRESSED, 3): 6})
        assert index.query("SELECT * FROM recordings") == []
