"""Stops the worker after too many dead letters in a row."""

from schemas import Rejection


class DeadLetterLimitError(Exception):
    """Too many dead letters in a row. Later inputs stay unread: see what changed, then start the worker again."""


class DeadLetterBreaker:
    """Counts consecutive dead letters over all lanes of the process, so that a bad deploy cannot reject everything.

    With a few bad senders, there are good records in between; with a broken decoder or a wrong setting, there are none.
    The dead letters up to the limit are still committed. So a worker that its orchestrator restarts makes progress,
    slowly: a sender of nothing but garbage delays its partition, but does not block it.

    Args:
        limit: Dead letters in a row at which the worker stops.
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

    def count(self, rejection: Rejection | None) -> None:
        """Count an outcome that is about to be committed. Do not commit more once the breaker has tripped.

        Args:
            rejection: Why the input was refused; None for a result.
        """
        if rejection is None:
            self._in_a_row = 0
        else:
            self._in_a_row += 1
            self._last = rejection.message

    def check(self) -> None:
        """Raise once the breaker has tripped.

        Raises:
            DeadLetterLimitError: At the limit.
        """
        if self.tripped:
            raise DeadLetterLimitError(f"{self._in_a_row} dead letters in a row, the last one: {self._last}")
