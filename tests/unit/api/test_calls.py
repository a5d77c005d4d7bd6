"""What is missing from a call."""

from streams.api.index.recording import Recording
from streams.api.routes.calls import gaps_of


def segment(channel: str, sequence: int | None) -> Recording:
    return Recording(f"{channel}-{sequence}", "h", "c", channel, None, sequence, False, None, 0, None, None, None)


def test_numbers_that_are_missing_are_gaps_of_their_channel() -> None:
    segments = [segment("guest", 0), segment("guest", 3), segment("agent", 1), segment("mixed", None)]
    assert gaps_of(segments) == [
        {"channel": "guest", "first": 1, "last": 2},
        {"channel": "agent", "first": 0, "last": 0},
    ]


def test_a_call_of_all_numbers_has_no_gap() -> None:
    assert gaps_of([segment("guest", 1), segment("guest", 0), segment("guest", 1)]) == []
