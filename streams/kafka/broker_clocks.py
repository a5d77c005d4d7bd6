"""The brokers' time, and how old records are by it."""

import time
from collections.abc import Callable
from statistics import median

#: A record that is older than this by its time has a wrong one: seconds for milliseconds, or a clock that began in
#: 1970. No topic keeps anything nearly as long.
MAX_AGE_SECONDS = 366 * 86_400.0


class BrokerClocks:
    """Compares the worker's clock with those of the brokers, by what they say about each write.

    A broker tells when it appended a batch. That was between the request and its answer, so that the worker's clock is
    ahead by no less than the time of the request minus that of the append, and by no more than the time of the answer
    minus it. Of what is possible, the difference nearest to the one before is taken, at first the one nearest to none.

    Args:
        on_difference: Told a broker's node id, and by how many seconds the worker's clock is ahead of it.
        clock: Seconds since the Unix epoch.
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
        """The time by the median of the brokers' clocks, in seconds since the Unix epoch."""
        return self._clock() - self._median

    def answered(self, broker: int, asked: float, append_ms: int) -> None:
        """Hear that a broker has answered a write just now.

        Args:
            broker: Its node id.
            asked: The worker's clock when the request left.
            append_ms: When the broker appended the batch, in milliseconds by its clock; negative where it does not say.
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
    """How old a record is.

    Args:
        timestamp_ms: Its time, in milliseconds since the Unix epoch; None where it has none.
        now: The time by the brokers' clocks, in seconds since the Unix epoch.

    Returns:
        Seconds, 0 for a time to come; None where there is no time, or one that cannot be right.
    """
    if timestamp_ms is None:
        return None
    seconds = now - timestamp_ms / 1000
    return max(0.0, seconds) if seconds <= MAX_AGE_SECONDS else None
