"""The circuit breaker of one endpoint: pure, with the time as an argument."""

from dataclasses import dataclass
from typing import Literal

State = Literal["closed", "open", "half-open"]

_FAILURES = 3  # in a row, of operations
_FIRST_DELAY = 0.5  # seconds from the opening to the first check


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of one breaker.

    Attributes:
        state: ``closed`` for a healthy endpoint, ``open`` while it gets no operations, ``half-open`` during trials.
        reason: Why it is not closed; empty if it is.
    """

    state: State
    reason: str


class Breaker:
    """Decides whether an endpoint gets operations, and when it is to be checked.

    Closed, it lets all operations pass. It opens after three failed operations in a row, or one failed check; a failed
    operation makes a check due at once. Open, it lets nothing pass; the checks come after a delay that doubles with
    each failure, up to the interval of the checks. A check that succeeds makes it half-open: one operation at a time
    passes as a trial. It closes when a trial or another check succeeds, and opens again when one fails.

    Args:
        interval: Seconds between two checks of a healthy endpoint.
        now: The time in seconds, on the clock of all other arguments; the first check is due then.
    """

    def __init__(self, interval: float, now: float) -> None:
        self._interval = interval
        self.state: State = "closed"
        self._reason = ""
        self._failures = 0
        self._delay = min(_FIRST_DELAY, interval)
        self._trial = False
        self.check_due = now

    @property
    def snapshot(self) -> Snapshot:
        """The present state."""
        return Snapshot(self.state, self._reason)

    @property
    def closed(self) -> bool:
        """Whether the endpoint is healthy."""
        return self.state == "closed"

    @property
    def lets_pass(self) -> bool:
        """Whether an operation may begin."""
        return self.state == "closed" or (self.state == "half-open" and not self._trial)

    def begin(self) -> None:
        """Note that an operation begins."""
        self._trial = self.state == "half-open"

    def succeed(self) -> None:
        """Note that an operation has succeeded."""
        self._trial = False
        if self.state == "open":  # it had begun before; checks decide
            return
        if self.state == "half-open":
            self._close()
        self._failures = 0
        self._delay = min(_FIRST_DELAY, self._interval)

    def fail(self, reason: str, now: float) -> None:
        """Note that an operation has failed.

        Args:
            reason: Why, in plain words.
            now: The time in seconds.
        """
        self._trial = False
        if self.state == "open":
            return
        self._failures += 1
        if self.state == "half-open" or self._failures >= _FAILURES:
            self._open(reason, now)
        else:
            self.check_due = now

    def check_succeeded(self, now: float) -> None:
        """Note that a check has succeeded at a time in seconds."""
        if self.state == "open":
            self.state = "half-open"
            self.check_due = now + self._delay
            return
        if self.state == "half-open":
            self._close()
        self.check_due = now + self._interval

    def check_failed(self, reason: str, now: float) -> None:
        """Note that a check has failed; arguments as `fail`."""
        self._open(reason, now)

    def _close(self) -> None:
        self.state, self._reason, self._failures = "closed", "", 0

    def _open(self, reason: str, now: float) -> None:
        self.state, self._reason, self._failures = "open", reason, 0
        self.check_due = now + self._delay
        self._delay = min(2 * self._delay, self._interval)
