"""Sizes, lengths and quality in words."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from streams.console import words


@pytest.mark.parametrize(
    ("size", "shown"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (21_300, "21 kB"), (1_920_044, "1.9 MB"), (5e12, "5000 GB")],
)
def test_a_size_has_the_unit_that_fits(size: float, shown: str) -> None:
    assert words.size_words(size) == shown


@pytest.mark.parametrize(
    ("milliseconds", "shown"), [(60, "0.1 s"), (12_000, "12.0 s"), (61_000, "1:01 min"), (3_725_000, "1:02:05 h")]
)
def test_a_length_is_in_hours_minutes_and_seconds(milliseconds: int, shown: str) -> None:
    assert words.duration_words(milliseconds) == shown


def test_quality_has_words_for_every_score() -> None:
    assert words.quality_words(5.0) == "identical to the original"
    assert words.quality_words(4.22) == "as good as the original"
    assert words.quality_words(0.0) == "understandable"
    assert words.quality_words(None) == "not known"


def test_a_ratio_says_nothing_of_what_is_unknown() -> None:
    assert words.ratio_words(900, 100) == "9.0 times smaller"
    assert words.ratio_words(100, 100) == "not smaller"
    assert words.ratio_words(None, 100) == words.ratio_words(100, 0) == ""


def test_a_time_is_shown_with_its_zone() -> None:
    time = datetime(2026, 12, 1, 3, 0, tzinfo=timezone(timedelta(hours=1)))
    assert words.absolute_time(time) == "2026-12-01 02:00:00 UTC"
    assert words.absolute_time(datetime(2026, 12, 1, tzinfo=UTC)).endswith("UTC")
