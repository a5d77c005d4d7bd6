"""Senders whose clocks are wrong: counted for their hotel, and named in the log."""

from datetime import datetime

import structlog

from schemas import Record
from schemas.headers import SOURCE
from streams.kafka.broker_clocks import MAX_AGE_SECONDS
from streams.telemetry.metrics import Metrics
from streams.telemetry.metrics.hotels import OTHER, HotelLabels

log = structlog.get_logger(__name__)

#: Seconds that a sender's clock may be ahead: what clocks without NTP drift in a week.
_TOLERANCE = 10.0


class SenderClocks:
    """Looks at the times that senders write.

    Nothing here rests on them, but whoever uses a result's ``ce_time`` does. A time in the future is wrong for certain.
    How far a clock is behind cannot be told: a recording may be sent days later.

    They are counted by hotel and not by source, because whoever sends can invent sources without end. The log names the
    source, once for each hotel: a wrong clock stays wrong, and the counter goes on.

    Args:
        metrics: Where wrong times are counted.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._hotels = HotelLabels()
        self._told: set[str] = set()

    def look(self, record: Record, hotel: str | None, began: datetime | None, now: float) -> None:
        """Look at one committed input.

        Args:
            record: The input.
            hotel: Whose it is; None where it does not say so.
            began: Its ``ce_time``; None where it has none, or was refused.
            now: The time by the brokers' clocks, in seconds since the Unix epoch.
        """
        sent = now if record.timestamp_ms is None else record.timestamp_ms / 1000
        ahead = max(sent, sent if began is None else began.timestamp()) - now
        if ahead > _TOLERANCE or now - sent > MAX_AGE_SECONDS:
            self._tell(record, hotel, ahead)

    def _tell(self, record: Record, hotel: str | None, ahead: float) -> None:
        label = OTHER if hotel is None else self._hotels.of(hotel)
        self._metrics.hotel_wrong_times.labels(label).inc()
        if label not in self._told:
            self._told.add(label)
            source = dict(record.headers).get(SOURCE) or b""
            log.warning(
                "sender_time_wrong",
                hotel=hotel,
                source=source.decode("utf-8", "replace"),
                seconds_ahead=round(ahead, 1),
                timestamp_ms=record.timestamp_ms,
            )
