"""How far a worker that falls behind goes towards cheaper work, and back."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

#: Each rung is one step further: cheaper effort first, then higher levels, which are smaller as well.
_EFFORT_RUNGS = 3
_LEVEL_RUNGS = 2

#: Seconds behind the objective before the next rung: a burst that is over by then costs no quality.
RISE_SECONDS = 2.0
#: Seconds well within the objective before one rung is given back: long against a rise, so that the load that made
#: the rung necessary does not return at once and swing.
FALL_SECONDS = 10.0
#: Seconds over which the latest input counts: one partition may be behind while others are in time.
_WINDOW_SECONDS = 0.5
#: Share of the objective that counts as well within it.
_CALM = 0.5


@dataclass(frozen=True, slots=True)
class Pressure:
    """What the choice should do about load.

    Attributes:
        effort_steps: 0 (full effort) to 3 (least).
        extra_levels: Levels to go up where the policy allows it, 0 to 2.
    """

    effort_steps: int = 0
    extra_levels: int = 0

    @property
    def steps(self) -> int:
        """How far it has gone altogether, 0 to 5."""
        return self.effort_steps + self.extra_levels


NO_PRESSURE = Pressure()


class LoadGovernor:
    """Turns how far a worker is behind into pressure, one rung at a time, with hysteresis.

    Up a rung after `RISE_SECONDS` above the objective, down a rung after `FALL_SECONDS` below half of it; in between
    nothing changes. A time without observations is one without work: it counts as calm. Thread-safe.

    Args:
        objective: Seconds that an input may wait for its result.
        clock: Monotonic seconds.
    """

    def __init__(self, objective: float, clock: Callable[[], float]) -> None:
        self._objective = objective
        self._clock = clock
        self._lock = threading.Lock()
        self._rung = 0
        self._last = self._since = clock()
        self._worst = float("-inf")
        self._direction = 0
        self.pressure = NO_PRESSURE

    def observe(self, seconds_behind: float) -> None:
        """Hear how old an input was when its result was there, in seconds."""
        with self._lock:
            now = self._clock()
            self._worst = max(self._worst, seconds_behind)
            if now - self._last < _WINDOW_SECONDS:
                return
            direction, self._worst = self._judge(self._worst), float("-inf")
            if direction != self._direction:
                # What has been quiet since the last look has been calm since then.
                self._direction, self._since = direction, self._last if direction < 0 else now
            self._last = now
            needed = RISE_SECONDS if direction > 0 else FALL_SECONDS
            steps = int((now - self._since) / needed) if direction else 0
            if steps:
                self._since += steps * needed
                self._climb(1 if direction > 0 else -steps)

    def _judge(self, seconds_behind: float) -> int:
        if seconds_behind > self._objective:
            return 1
        return -1 if seconds_behind < self._objective * _CALM else 0

    def _climb(self, steps: int) -> None:
        self._rung = min(max(self._rung + steps, 0), _EFFORT_RUNGS + _LEVEL_RUNGS)
        self.pressure = Pressure(min(self._rung, _EFFORT_RUNGS), max(0, self._rung - _EFFORT_RUNGS))
