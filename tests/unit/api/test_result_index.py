import math
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from schemas.record import TopicPartition
from streams.api.index import result_index
from streams.api.index.changes import TOPICS, Change, Value
from streams.api.index.identity import recording_id
from streams.api.index.result_index import ResultIndex, TooManyRowsError

ABOUT: dict[str, Value] = {"hotel": "lisbon", "call": "call-1", "final": 0, "time_ms": 1000}
NUMBER = recording_id("/pbx", "1")
PLACE = TopicPartition("audio.raw", 3)


def queued(offset: int, sha256: bytes = bytes(32)) -> Change:
    columns: dict[str, Value] = {
        "in_topic": 0,
        "in_partition": 3,
        "in_offset": offset,
        "in_size": 8,
        "in_sha256": sha256,
        "in_ms": 1,
    }
    return Change(NUMBER, "input", ABOUT | columns | {"in_latest": offset})


def done(sha256: bytes) -> Change:
    columns: dict[str, Value] = {
        "out_partition": 3,
        "out_offset": 1,
        "out_ms": 2,
        "out_sha256": sha256,
        "out_type": "audio/flac",
    }
    return Change(NUMBER, "result", ABOUT | columns | {"quality": 5.0})


def dead(of_offset: int) -> Change:
    columns: dict[str, Value] = {"dead_partition": 3, "dead_offset": of_offset, "dead_ms": 3, "dead_input": of_offset}
    return Change(
        NUMBER, "letter", ABOUT | columns | {"stage": "decode", "code": "C", "field": "f", "explanation": "e"}
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "index.sqlite"


def outcome(index: ResultIndex) -> str:
    recording = index.get(NUMBER)
    assert recording is not None
    return recording.outcome


def test_the_order_of_topics_does_not_matter(path: Path) -> None:
    index = ResultIndex(path, TOPICS)
    index.write([done(bytes(32))], {})
    assert outcome(index) == "done"
    index.write([queued(7)], {})
    assert outcome(index) == "done"


def test_an_input_that_is_sent_again_is_queued_until_it_has_an_outcome(path: Path) -> None:
    index = ResultIndex(path, TOPICS)
    index.write([queued(7), dead(7)], {})
    assert outcome(index) == "dead"
    index.write([queued(9)], {})
    assert outcome(index) == "queued"
    index.write([dead(9)], {})
    assert outcome(index) == "dead"
    index.write([done(bytes(32))], {})
    assert outcome(index) == "done"


def test_the_first_input_and_the_first_result_stay(path: Path) -> None:
    index = ResultIndex(path, TOPICS)
    index.write([queued(7, b"1" * 32), queued(8, b"2" * 32), done(b"3" * 32), done(b"4" * 32)], {})
    recording = index.get(NUMBER)
    assert recording is not None
    assert recording.original is not None
    assert recording.result is not None
    assert bytes.fromhex(recording.original.sha256 or "") == b"1" * 32
    assert bytes.fromhex(recording.result.sha256) == b"3" * 32
    assert recording.original.latest_offset == 8


def test_changes_and_positions_are_written_together_or_not_at_all(path: Path) -> None:
    index = ResultIndex(path, TOPICS)
    index.write([queued(7)], {PLACE: 8})
    with pytest.raises(sqlite3.Error):
        index.write([done(bytes(32)), Change(NUMBER, "result", {"out_nothing": 1})], {PLACE: 9})
    index.close()
    again = ResultIndex(path, TOPICS)
    assert again.positions() == {PLACE: 8}
    assert outcome(again) == "queued"


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"", b"SQLite format 3\0" + bytes(5000)])
def test_a_file_that_is_no_index_is_made_anew(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    index = ResultIndex(path, TOPICS)
    assert index.positions() == {}
    index.write([queued(7)], {PLACE: 8})
    assert outcome(index) == "queued"


def test_an_index_of_other_tables_is_made_anew(path: Path) -> None:
    ResultIndex(path, TOPICS).close()
    database = sqlite3.connect(path)
    database.execute("PRAGMA user_version = 99")
    database.close()
    assert ResultIndex(path, TOPICS).positions() == {}


def test_an_index_belongs_to_the_topics_that_it_was_first_filled_from(path: Path) -> None:
    index = ResultIndex(path, TOPICS)
    assert index.belongs_to({"audio.raw": "1"})
    assert index.belongs_to({"audio.raw": "1"})
    assert not index.belongs_to({"audio.raw": "2"})
    index.recreate()
    assert index.belongs_to({"audio.raw": "2"})


ENDLESS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"


def test_a_list_that_takes_too_long_is_given_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_index, "_LONGEST_READ", 0.05)
    index = ResultIndex(path, TOPICS)
    index.write([queued(7)], {})
    with pytest.raises(TooManyRowsError):
        index.query(ENDLESS)
    assert outcome(index) == "queued"


def test_a_long_list_holds_nobody_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index = ResultIndex(path, TOPICS)
    index.write([queued(7)], {})
    inside, found = threading.Event(), threading.Event()

    def clock() -> float:
        if threading.current_thread() is not threading.main_thread() and inside.is_set():
            found.wait(10)  # within the long list
            return math.inf
        inside.set()
        return 0.0

    monkeypatch.setattr(result_index, "time", SimpleNamespace(monotonic=clock))
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(index.query, ENDLESS)
        assert inside.wait(10)
        assert outcome(index) == "queued"
        index.write([dead(7)], {})
        assert outcome(index) == "dead"
        index.recreate()
        assert index.get(NUMBER) is None
        found.set()
        assert isinstance(reading.exception(10), TooManyRowsError)
    index.write([queued(7)], {})
    assert outcome(index) == "queued"


def test_alike_and_unlike_changes_of_a_batch_are_applied_in_their_order(path: Path) -> None:
    index = ResultIndex(path, TOPICS)
    index.write([queued(7), dead(7), queued(9), dead(9), queued(11)], {})
    assert outcome(index) == "queued"
    index.write([dead(11), done(bytes(32))], {})
    assert outcome(index) == "done"


def test_what_another_hotel_sends_under_the_same_id_is_not_shown(path: Path) -> None:
    index = ResultIndex(path, TOPICS)
    of_another = done(bytes(32))
    index.write([queued(7), dead(7), Change(NUMBER, "result", {**of_another.columns, "hotel": "porto"})], {})
    recording = index.get(NUMBER)
    assert recording is not None
    assert (recording.hotel, recording.outcome, recording.result) == ("lisbon", "dead", None)
    index.write([of_another], {})
    assert outcome(index) == "done"
