"""Dead letters as an operator sees them: chosen, shown, and judged on whether they can be sent again."""

import argparse
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas import DeadLetter, Position, Record, Rejection
from schemas.dead_letter import Cut
from scripts.commands._letters import lines, time_of, view_of
from scripts.commands._times import time_option
from streams.clients.letters import DeadLetterFilter, LetterPosition, LetterRecord, replay_obstacle

LETTER = DeadLetter(
    Record(b"call-1", b"audio", (("ce_hotelid", b"lisbon"),), 1_700_000_000_000),
    Position("audio.raw", 3, 17),
    Rejection("contract", "MissingHeader", "ce_id", "is required"),
)
REFUSED = LetterRecord(LetterPosition(3, 8), 1_700_000_001_000, LETTER)
UNREADABLE = replace(REFUSED, letter=Rejection("contract", "MissingHeader", "__connect.errors.topic", "is required"))
PARTITIONS = {"audio.raw": frozenset(range(8))}


@pytest.mark.parametrize(
    ("choice", "takes"),
    [
        (DeadLetterFilter(), True),
        (DeadLetterFilter(reason="MissingHeader", hotel="lisbon"), True),
        (DeadLetterFilter(reason="WrongKey"), False),
        (DeadLetterFilter(hotel="porto"), False),
        (DeadLetterFilter(since_ms=1_700_000_001_000, until_ms=1_700_000_001_001), True),
        (DeadLetterFilter(since_ms=1_700_000_001_001), False),
        (DeadLetterFilter(until_ms=1_700_000_001_000), False),
    ],
)
def test_a_choice_takes_what_everything_given_applies_to(choice: DeadLetterFilter, takes: bool) -> None:
    assert choice.matches(REFUSED) is takes
    assert choice.matches(UNREADABLE) is (takes and choice.reason is choice.hotel is None)


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (REFUSED, None),
        (UNREADABLE, "cannot be read"),
        (replace(REFUSED, letter=replace(LETTER, cut=Cut(value_bytes=10))), "only the beginning"),
        (
            replace(REFUSED, letter=replace(LETTER, rejection=Rejection("record", "BadBatch", "value", "is broken"))),
            "could not be read as a record",
        ),
        (replace(REFUSED, letter=replace(LETTER, original=Record(None, None))), "neither key nor value"),
        (replace(REFUSED, letter=replace(LETTER, position=Position("gone", 3, 17))), "topic gone does not exist"),
        (replace(REFUSED, letter=replace(LETTER, position=Position("audio.raw", 9, 1))), "has no partition 9"),
        (
            replace(REFUSED, letter=replace(LETTER, original=Record(b"k", bytes(1000)))),
            "bytes, audio.raw takes 1000 in a record",
        ),
    ],
)
def test_what_cannot_be_sent_again_is_said(refused: LetterRecord, says: str | None) -> None:
    found = replay_obstacle(refused, PARTITIONS, {"audio.raw": 1000})
    assert found is None if says is None else found is not None and says in found


def test_four_thousand_are_shown_at_once() -> None:
    began = time.process_time()
    shown = list(lines([view_of(REFUSED, None)] * 4000))
    assert time.process_time() - began < 1
    assert len(shown) == 4001
    assert shown[1].split() == [
        "3:8", "2023-11-14T22:13:21Z", "2023-11-14T22:13:20Z", "call-1", "3:17", "5", "contract", "MissingHeader",
        "ce_id:", "is", "required",
    ]  # fmt: skip


def test_nothing_in_a_line_is_obeyed_by_a_terminal() -> None:
    evil = replace(LETTER, original=replace(LETTER.original, key=b"\x1b[2J\xff\n"))
    [_, line] = lines([view_of(replace(REFUSED, letter=evil), None), view_of(UNREADABLE, "why")][:1])
    assert "\x1b" not in line
    assert "\ufffd" in line


@pytest.mark.parametrize(
    ("milliseconds", "shown"),
    [
        (None, ""),
        (-1, ""),
        (0, "1970-01-01T00:00:00Z"),
        (1_796_000_000_000_000, "1796000000000000 ms"),
        (2**63 - 1, "9223372036854775807 ms"),
    ],
)
def test_any_time_is_shown(milliseconds: int | None, shown: str) -> None:
    assert time_of(milliseconds) == shown


def test_moments_are_dates_or_so_long_ago() -> None:
    assert time_option("2026-11-30T08:00") == datetime(2026, 11, 30, 8, tzinfo=UTC).timestamp() * 1000
    assert time_option("2026-11-30T08:00+01:00") == datetime(2026, 11, 30, 7, tzinfo=UTC).timestamp() * 1000
    assert time_option("2026-11-30") == datetime(2026, 11, 30, tzinfo=UTC).timestamp() * 1000
    assert abs(time_option("2h") - (time.time() - 7200) * 1000) < 5000
    with pytest.raises(argparse.ArgumentTypeError, match="write 2026"):
        time_option("the other day")


def test_today_and_yesterday_begin_at_midnight_in_utc() -> None:
    day = 86_400_000
    today = time_option("today")
    assert today % day == 0
    assert 0 <= time.time() * 1000 - today < 2 * day
    assert time_option("Yesterday") in (today - day, time_option("today") - day)
