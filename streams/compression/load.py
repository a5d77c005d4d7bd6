"""How far a worker that falls behind goes towards cheaper work, and back."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median_low

#: Each rung is one step further: cheaper effort first, then higher levels, which are smaller as well.
_EFFORT_RUNGS = 3
_LEVEL_RUNGS = 2

#: Seconds behind the objective before the next rung: a burst that is over by then costs no quality.
RISE_SECONDS = 2.0
#: Seconds well within the objective before one rung is given back: long against a rise, so that the load that made
#: the rung necessary does not return at once and swing.
FALL_SECONDS = 10.0
#: Seconds of observations that are judged together.
_WINDOW_SECONDS = 0.5
#: Seconds without an observation that may lie within a time of being late: a clip may take as long. Above the time
#: between two looks at the lag.
_LONGEST_GAP = 10.0
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
    nothing changes. A time without observations is calm if what comes after it is in time, and counts for nothing if
    that is late. Thread-safe.

    Ages rest on clocks, which may be wrong, so that being late is not enough: only a worker that has more inputs than
    it can take is behind. And one call does not speak for others: what counts is the median over the calls of a
    partition. One partition may be behind while others are in time, so the worst of them counts.

    Args:
        objective: Seconds that an input may wait for its result.
        clock: Monotonic seconds.
        saturated: Whether inputs have had to wait for the worker just now, by no clock but its own.
    """

    def __init__(self, objective: float, clock: Callable[[], float], saturated: Callable[[], bool]) -> None:
        self._objective = objective
        self._clock = clock
        self._saturated = saturated
        self._lock = threading.Lock()
        self._rung = 0
        self._last = self._since = self._heard = clock()
        self._ages: defaultdict[int, dict[str, float]] = defaultdict(dict)
        self._direction = 0
        self.pressure = NO_PRESSURE

    def observe(self, seconds_behind: float, *, partition: int, call: str) -> None:
        """Hear how old an input was when its result was there, in seconds, and whose it was."""
        with self._lock:
            now = self._clock()
            if now - self._heard > _WINDOW_SECONDS:
                self._ages.clear()  # says nothing of now
            self._heard = now
            self._ages[partition][call] = seconds_behind
            if now - self._last < _WINDOW_SECONDS:
                return
            direction = self._judge()
            self._ages.clear()
            if direction != self._direction or (direction > 0 and now - self._last > _LONGEST_GAP):
                # What has been quiet since the last look has been calm since then.
                self._direction, self._since = direction, self._last if direction < 0 else now
            self._last = now
            needed = RISE_SECONDS if direction > 0 else FALL_SECONDS
            steps = int((now - self._since) / needed) if direction else 0
            if steps:
                self._since += steps * needed
                self._climb(1 if direction > 0 else -steps)

    def _judge(self) -> int:
        seconds_behind = max(median_low(ages.values()) for ages in self._ages.values())
        if seconds_behind < self._objective * _CALM or not self._saturated():
            return -1
        return 1 if seconds_behind > self._objective else 0

    def _climb(self, steps: int) -> None:
        self._rung = min(max(self._rung + steps, 0), _EFFORT_RUNGS + _LEVEL_RUNGS)
        self.pressure = Pressure(min(self._rung, _EFFORT_RUNGS), max(0, self._rung - _EFFORT_RUNGS))
