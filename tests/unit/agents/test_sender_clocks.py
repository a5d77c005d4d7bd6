from datetime import UTC, datetime

import pytest
import structlog

from agents.compress.sender_clocks import SenderClocks
from schemas import Record
from streams.telemetry.metrics import Metrics

NOW = 1_800_000_000.0


def record(timestamp: float | None = NOW, source: str = "/pbx") -> Record:
    milliseconds = None if timestamp is None else int(timestamp * 1000)
    return Record(b"call", b"audio", (("ce_source", source.encode()),), milliseconds)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def counted(metrics: Metrics, hotel: str) -> float | None:
    return metrics.registry.get_sample_value("audio_hotel_wrong_times_total", {"hotel": hotel})


@pytest.mark.parametrize(
    ("timestamp", "began"),
    [(NOW, None), (NOW, NOW + 9), (NOW, NOW - 3 * 366 * 86_400), (NOW - 30 * 86_400, None), (None, None)],
    ids=["no ce_time", "a little ahead", "an old recording", "a month of backlog", "no time at all"],
)
def test_times_that_can_be_are_not_counted(timestamp: float | None, began: float | None) -> None:
    metrics = Metrics()
    SenderClocks(metrics).check(record(timestamp), "lisbon", at(began), NOW)
    assert counted(metrics, "lisbon") is None


@pytest.mark.parametrize(
    ("timestamp", "began"),
    [(NOW, NOW + 3600), (NOW + 3600, None), (NOW / 1000, None)],
    ids=["ce_time ahead", "record ahead", "seconds for milliseconds"],
)
def test_times_that_cannot_be_are_counted_and_their_source_is_named_once(timestamp: float, began: float | None) -> None:
    metrics = Metrics()
    senders = SenderClocks(metrics)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            senders.check(record(timestamp), "lisbon", at(began), NOW)
        senders.check(record(timestamp, "/gateway"), "porto", at(began), NOW)
    assert (counted(metrics, "lisbon"), counted(metrics, "porto")) == (3, 1)
    assert [(line["event"], line["hotel"], line["source"]) for line in lines] == [
        ("sender_time_wrong", "lisbon", "/pbx"),
        ("sender_time_wrong", "porto", "/gateway"),
    ]


def test_hotels_without_end_and_none_share_a_series() -> None:
    metrics = Metrics()
    senders = SenderClocks(metrics)
    for number in range(500):
        senders.check(record(), f"hotel-{number}", at(NOW + 3600), NOW)
    senders.check(record(NOW + 3600), None, None, NOW)
    assert counted(metrics, "other") == 301
