"""Names of objects in the archive, for ids with any characters."""

from datetime import date

import pytest
from hypothesis import given

from schemas import Position
from streams.archive.names import CallDay, day_of, encoded, stem
from streams.stores.reference import key_problem
from tests.contract.strategies import ids

DAY = date(2026, 11, 30)


@given(ids, ids)
def test_any_ids_give_names_that_a_store_takes(hotel: str, call: str) -> None:
    directory = CallDay(hotel, DAY, call).directory
    assert directory.count("/") == 4
    assert key_problem(f"{directory}{stem(Position('audio.compressed', 59, 2**63 - 1), 'id')}.flac") is None
    assert directory.isascii()


@given(ids, ids)
def test_different_ids_have_different_names(one: str, other: str) -> None:
    assert (encoded(one) == encoded(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("grand-harbour", "grand-harbour"),
        ("1769851800.4711", "1769851800.4711"),
        ("a/b", "a%2Fb"),
        ("..", "%2E."),
        (".", "%2E"),
        ("sha256", "sha256"),
        ("50% off~", "50%25%20off%7E"),
        ("café", "caf%C3%A9"),
        ("\\", "%5C"),
    ],
)
def test_usual_ids_stay_readable(text: str, name: str) -> None:
    assert encoded(text) == name


def test_long_ids_are_cut_between_characters_and_stay_different() -> None:
    names = {encoded(f"{'é' * length}{end}") for length in range(30, 40) for end in "ab"}
    assert len(names) == 20
    assert max(map(len, names)) <= 120
    assert all("%~" not in name and not name.partition("~")[0].endswith("%C") for name in names)


def test_names_in_order_are_results_in_the_order_of_the_topic() -> None:
    places = [Position("audio.compressed", 3, offset) for offset in (0, 9, 10, 99, 100, 2**40)]
    assert sorted(stem(one, "x") for one in places) == [stem(one, "x") for one in places]
    assert stem(places[0], "x") != stem(places[0], "y")


def test_the_day_is_that_of_the_broker_in_utc() -> None:
    assert day_of(1_796_083_199_999) == date(2026, 11, 30)
    assert day_of(1_796_083_200_000) == date(2026, 12, 1)
