"""The breaker that keeps a bad deploy from sending everything to the dead letters."""

from streams.delivery.outcome import Outcome


class DeadLetterLimitError(Exception):
    """Too many dead letters in a row. What follows stays unread: look at what changed, then start the worker again."""


class DeadLetterBreaker:
    """Counts dead letters in a row over all lanes of the process.

    A few bad senders leave good records in between; a broken decoder or a wrong setting leaves none. What was counted
    up to the limit is still committed, so that a worker which its orchestrator restarts gets on, slowly: one sender of
    nothing but garbage delays its partition, and never stops it for good.

    Args:
        limit: Dead letters in a row that open it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_a_row = 0
        self._last = ""

    @property
    def fill_ratio(self) -> float:
        """Dead letters in a row over the limit, 0 to 1."""
        return self._in_a_row / self._limit

    @property
    def tripped(self) -> bool:
        """Whether the limit is reached."""
        return self._in_a_row >= self._limit

    def count(self, outcome: Outcome) -> None:
        """Count an outcome that is about to be committed; none more once the limit is reached."""
        if outcome.rejection is None:
            self._in_a_row = 0
        else:
            self._in_a_row += 1
            self._last = outcome.rejection.message

    def check(self) -> None:
        """Stop at the limit.

        Raises:
            DeadLetterLimitError: When it is reached.
        """
        if self.tripped:
            raise DeadLetterLimitError(f"{self._in_a_row} dead letters in a row, the last one: {self._last}")
