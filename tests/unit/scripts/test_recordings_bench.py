"""The bench of recordings measures the product and the codec on the same audio."""

from scripts.benchmarks.recordings.measure import measure
from tests.support.signals import speech


def test_a_short_recording() -> None:
    told: list[None] = []

    row = measure([speech(3)], 0.002, lambda: told.append(None), level=3, threads=2, rounds=1)

    assert len(told) == 2
    assert row.clock > 0
    assert row.ratio > 5
    assert 30 < row.peak_mb < 1000
