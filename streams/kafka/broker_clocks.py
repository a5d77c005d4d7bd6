"""The brokers' clocks, and the age of records by them."""

import time
from collections.abc import Callable
from statistics import median

#: A timestamp older than this is wrong: seconds instead of milliseconds, or a clock that started in 1970. No topic
#: keeps records for nearly as long.
MAX_AGE_SECONDS = 366 * 86_400.0


class BrokerClocks:
    """Estimates how far the worker's clock is ahead of each broker's, from the append times in produce responses.

    A broker appends a batch between the request and the response. So the worker's clock is ahead by at least the time
    of the request minus the append time, and by at most the time of the response minus the append time. Within these
    limits, the estimate stays as near as possible to the previous one, and the first one to 0.

    Args:
        on_difference: Called with a broker's node id and the seconds by which the worker's clock is ahead of it.
        clock: Returns seconds since the Unix epoch.
    """

    def __init__(self, on_difference: Callable[[int, float], None], clock: Callable[[], float] = time.time) -> None:
        self._on_difference = on_difference
        self._clock = clock
        self._ahead: dict[int, float] = {}
        self._median = 0.0

    def read(self) -> float:
        """The worker's own clock, in seconds since the Unix epoch."""
        return self._clock()

    def now(self) -> float:
        """The median of the brokers' clocks, in seconds since the Unix epoch."""
        return self._clock() - self._median

    def answered(self, broker: int, asked: float, append_ms: int) -> None:
        """Update the estimate for a broker; call it as soon as a produce response arrives.

        Args:
            broker: The broker's node id.
            asked: The worker's clock when the request was sent, in seconds since the Unix epoch.
            append_ms: The broker's append time, in milliseconds since the Unix epoch; negative when it is missing.
        """
        if append_ms < 0:
            return
        least, most = asked - (append_ms + 1) / 1000, self._clock() - append_ms / 1000
        before = self._ahead.get(broker, 0.0)
        if least <= before <= most and broker in self._ahead:
            return
        self._ahead[broker] = min(max(before, least), max(most, least))
        self._median = median(self._ahead.values())
        self._on_difference(broker, self._ahead[broker])


def age(timestamp_ms: int | None, now: float) -> float | None:
    """Compute the age of a record.

    Args:
        timestamp_ms: Its timestamp, in milliseconds since the Unix epoch; None when it has none.
        now: The time by the brokers' clocks, in seconds since the Unix epoch.

    Returns:
        Seconds, 0 for a timestamp in the future; None without a timestamp, or with one that cannot be right.
    """
    if timestamp_ms is None:
        return None
    seconds = now - timestamp_ms / 1000
    return max(0.0, seconds) if seconds <= MAX_AGE_SECONDS else None
