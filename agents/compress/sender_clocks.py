"""Counts and logs timestamps of senders whose clocks are wrong."""

from datetime import datetime

import structlog

from schemas import Record
from schemas.headers import SOURCE
from streams.kafka.broker_clocks import MAX_AGE_SECONDS
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.hotels import OTHER, HotelLabels

log = structlog.get_logger(__name__)

#: Seconds that a sender's clock may be ahead: the drift of a clock without NTP in a week.
_TOLERANCE = 10.0


class SenderClocks:
    """Checks the times that senders write.

    The worker does not depend on them, but consumers of a result's ``ce_time`` do. A time in the future is certainly
    wrong. Whether a clock is behind cannot be known: a recording may be sent days later.

    Wrong times are counted by hotel and not by source, because a sender can use any number of sources. The log names
    the source, once for each hotel; the counter shows the rest.

    Args:
        metrics: Where wrong times are counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._hotels = HotelLabels()
        self._logged: set[str] = set()

    def check(self, record: Record, hotel: str | None, began: datetime | None, now: float) -> None:
        """Check one committed input.

        Args:
            record: The input.
            hotel: Its hotel; None where it names none.
            began: Its ``ce_time``; None where it has none, or was refused.
            now: The time by the brokers' clocks, in seconds since the Unix epoch.
        """
        sent = now if record.timestamp_ms is None else record.timestamp_ms / 1000
        ahead = max(sent, sent if began is None else began.timestamp()) - now
        if ahead > _TOLERANCE or now - sent > MAX_AGE_SECONDS:
            self._report(record, hotel, ahead)

    def _report(self, record: Record, hotel: str | None, ahead: float) -> None:
        label = OTHER if hotel is None else self._hotels.of(hotel)
        self._metrics.hotel_wrong_times.labels(label).inc()
        if label not in self._logged:
            self._logged.add(label)
            source = dict(record.headers).get(SOURCE) or b""
            log.warning(
                "sender_time_wrong",
                hotel=hotel,
                source=source.decode("utf-8", "replace"),
                seconds_ahead=round(ahead, 1),
                timestamp_ms=record.timestamp_ms,
            )
