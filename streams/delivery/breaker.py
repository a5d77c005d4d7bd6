"""The breaker that keeps a bad deploy from sending everything to the dead letters."""

from streams.delivery.outcome import Outcome


class DeadLetterLimitError(Exception):
    """Too many dead letters in a row. The inputs of the last batch stay unread: look at what changed, then restart."""


class DeadLetterBreaker:
    """Counts dead letters in a row over all lanes of the process.

    A few bad senders leave good records in between; a broken decoder or a wrong setting leaves none. The breaker opens
    before the batch that reaches the limit is committed, so those inputs are neither lost nor answered.

    Args:
        limit: Dead letters in a row that open it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_a_row = 0

    def check(self, outcomes: list[Outcome]) -> None:
        """Count outcomes that are about to be committed.

        Raises:
            DeadLetterLimitError: When the limit is reached.
        """
        for outcome in outcomes:
            self._in_a_row = self._in_a_row + 1 if outcome.rejection else 0
            if self._in_a_row >= self._limit:
                last = outcome.rejection.message if outcome.rejection else ""
                raise DeadLetterLimitError(f"{self._in_a_row} dead letters in a row, the last one: {last}")
