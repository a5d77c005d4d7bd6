import pytest
from aiokafka import ConsumerRecord

from schemas import headers as h
from schemas.topics import RAW
from streams.api.index.changes import change_of
from streams.api.schemas import time_text

RECEIVED = 1_780_000_000_000


def input_at(time: str) -> ConsumerRecord:
    """A record whose audio is said to begin at a time."""
    headers = [(h.SOURCE, b"/pbx"), (h.ID, b"1"), (h.TIME, time.encode())]
    return ConsumerRecord("audio.raw", 0, 0, RECEIVED, 0, b"call", b"audio", None, 4, 5, headers)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999Z"),
        ("0001-01-01T00:00:00+14:00", time_text(RECEIVED)),
        ("9999-12-31T23:59:59-14:00", time_text(RECEIVED)),
        ("2026-01-31T23:59:60Z", time_text(RECEIVED)),
        ("2026-01-31T12:00:00", time_text(RECEIVED)),
        ("2026-01-31T12:00:00.0009+01:00", "2026-01-31T11:00:00.000Z"),
    ],
)
def test_whatever_time_an_input_says_it_has_one_that_is_shown(said: str, shown: str) -> None:
    change = change_of(input_at(said), RAW, {"audio.raw": 0})
    assert change is not None
    time_ms = change.columns["time_ms"]
    assert isinstance(time_ms, int)
    assert time_text(time_ms) == shown
