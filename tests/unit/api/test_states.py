"""The state of a recording follows from its outcome, from the keys, and from what the topics still have."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from schemas import Position
from schemas.record import TopicPartition
from streams.api.index.changes import TOPICS
from streams.api.index.feeder import IndexFeeder
from streams.api.index.recording import Original, Recording, Refusal, Result
from streams.api.index.result_index import ResultIndex
from streams.api.representation import state_of
from streams.kafka.connection import KafkaConnection
from streams.security.sealing.missing import Missing

ERASED, EXPIRED, LIVING = b"e" * 16, b"x" * 16, b"l" * 16
INPUT = Original(Position("audio.raw", 0, 5), 8, None, None, 1, 5)
RESULT = Result(Position("audio.compressed", 0, 5), 8, "", "audio/flac", 1, 1, "flac", None, 5.0, 1, 8000, 1, 8, False)
LETTER = Refusal(Position("audio.dead-letter", 0, 5), 1, 5, "decode", "C", "f", "r")
SENT = Recording("1", "h", "c", None, None, None, False, None, 1, INPUT, None, None)
DONE, DEAD = replace(SENT, result=RESULT), replace(SENT, refusal=LETTER)


@pytest.fixture
def feeder(tmp_path: Path) -> IndexFeeder:
    gone = {ERASED: Missing.ERASED, EXPIRED: Missing.EXPIRED}
    return IndexFeeder(KafkaConnection("127.0.0.1:1"), ResultIndex(tmp_path / "index", TOPICS), gone.get)


@pytest.mark.parametrize(("recording", "topic"), [(SENT, "raw"), (DONE, "compressed"), (DEAD, "dead-letter")])
def test_a_recording_expires_with_the_record_that_says_what_became_of_it(
    recording: Recording, topic: str, feeder: IndexFeeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    outcome = recording.outcome
    for first, state in ((5, outcome), (6, "expired")):
        monkeypatch.setattr(feeder, "first_offset", firsts(f"audio.{topic}", first))
        assert state_of(recording, feeder) == state


def firsts(topic: str, first: int) -> Callable[[TopicPartition], int]:
    return lambda place: first if place.topic == topic else 0


def test_what_was_sent_again_is_there_as_long_as_the_last_input(
    feeder: IndexFeeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeder, "first_offset", firsts("audio.raw", 6))
    assert state_of(replace(SENT, original=replace(INPUT, latest_offset=9)), feeder) == "queued"


@pytest.mark.parametrize(("key", "state"), [(ERASED, "erased"), (EXPIRED, "expired"), (LIVING, None)])
def test_a_recording_is_gone_with_the_key_of_what_became_of_it(
    key: bytes, state: str | None, feeder: IndexFeeder
) -> None:
    sealed = [
        replace(SENT, original=replace(INPUT, seal_key=key)),
        replace(DONE, result=replace(RESULT, seal_key=key)),
        replace(DEAD, refusal=replace(LETTER, seal_key=key)),
    ]
    assert [state_of(one, feeder) for one in sealed] == [state or one.outcome for one in sealed]
    other = replace(DONE, original=replace(INPUT, seal_key=key))
    assert state_of(other, feeder) == "done"
