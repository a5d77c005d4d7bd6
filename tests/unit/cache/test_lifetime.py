import pytest

from streams.cache import Lifetime
from streams.cache.lifetime import mean_gap


def test_an_unknown_gap_gives_the_typical_time_to_live() -> None:
    assert Lifetime(3600).after(None) == 3600


@pytest.mark.parametrize(
    ("gap", "seconds"), [(1, 1800), (450, 1800), (1000, 4000), (6 * 3600, 86_400), (10**9, 86_400)]
)
def test_time_to_live_is_a_multiple_of_the_gap_within_bounds(gap: float, seconds: float) -> None:
    assert Lifetime(3600).after(gap) == seconds


def test_the_mean_follows_the_gaps() -> None:
    mean = mean_gap(None, 100)
    assert mean == 100
    for _ in range(20):
        mean = mean_gap(mean, 10)
    assert mean == pytest.approx(10, abs=1)
