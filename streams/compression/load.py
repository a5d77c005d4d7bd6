"""The load governor: how a worker that falls behind switches to cheaper compression, and back."""

import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median_low

#: Each rung is one step of pressure: first less effort, then higher levels, whose files are also smaller.
_EFFORT_RUNGS = 3
_LEVEL_RUNGS = 2

#: Seconds above the objective before the next rung: shorter bursts cost no quality.
RISE_SECONDS = 2.0
#: Seconds well below the objective before the last rung is undone. It is long compared with a rise, so that the
#: pressure does not oscillate.
FALL_SECONDS = 10.0
#: Seconds of observations that are evaluated together.
_WINDOW_SECONDS = 0.5
#: Longest gap in seconds between observations within one period of lateness: a clip may take as long. It must be longer
#: than the interval at which the lag is measured.
_LONGEST_GAP = 10.0
#: Share of the objective below which inputs are well in time.
_CALM = 0.5


@dataclass(frozen=True, slots=True)
class Pressure:
    """How much the choice of a plan must save because of load.

    Attributes:
        effort_steps: 0 (full effort) to 3 (least effort).
        extra_levels: Levels to add where the policy allows it, 0 to 2.
    """

    effort_steps: int = 0
    extra_levels: int = 0

    @property
    def steps(self) -> int:
        """Number of steps altogether, 0 to 5."""
        return self.effort_steps + self.extra_levels


NO_PRESSURE = Pressure()


class LoadGovernor:
    """Sets the pressure from how far the worker is behind, one rung at a time, with hysteresis. Thread-safe.

    The pressure rises by a rung after `RISE_SECONDS` above the objective, and falls by a rung after `FALL_SECONDS`
    below half of it; in between it does not change. A period without observations counts as calm if the next
    observation is in time, and is ignored if that is late.

    Ages depend on clocks, which may be wrong, so being late is not enough: only a worker with more inputs than it can
    process is behind. A single call must not decide: the median over the calls of a partition counts. One partition may
    be behind while others are in time, so the worst partition counts.

    Args:
        objective: Seconds that an input may wait for its result.
        clock: Returns monotonic seconds.
        saturated: Whether inputs have just had to wait for the worker, according to its own clock only.

    Attributes:
        pressure: The present pressure.
    """

    def __init__(self, objective: float, clock: Callable[[], float], saturated: Callable[[], bool]) -> None:
        self._objective = objective
        self._clock = clock
        self._saturated = saturated
        self._lock = threading.Lock()
        self._rung = 0
        self._last = self._since = self._last_observed = clock()
        self._ages: defaultdict[int, dict[str, float]] = defaultdict(dict)
        self._direction = 0
        self.pressure = NO_PRESSURE

    def observe(self, seconds_behind: float, *, partition: int, call: str) -> None:
        """Record the age of an input when its result was ready.

        Args:
            seconds_behind: Age in seconds.
            partition: The input's partition.
            call: The input's call id.
        """
        with self._lock:
            now = self._clock()
            if now - self._last_observed > _WINDOW_SECONDS:
                self._ages.clear()  # outdated
            self._last_observed = now
            self._ages[partition][call] = seconds_behind
            if now - self._last < _WINDOW_SECONDS:
                return
            direction = self._evaluate()
            self._ages.clear()
            if direction != self._direction or (direction > 0 and now - self._last > _LONGEST_GAP):
                # A period without observations before an input in time was calm from its beginning.
                self._direction, self._since = direction, self._last if direction < 0 else now
            self._last = now
            needed = RISE_SECONDS if direction > 0 else FALL_SECONDS
            steps = int((now - self._since) / needed) if direction else 0
            if steps:
                self._since += steps * needed
                self._climb(1 if direction > 0 else -steps)

    def _evaluate(self) -> int:
        """Whether the pressure should rise (1), fall (-1) or stay (0)."""
        seconds_behind = max(median_low(ages.values()) for ages in self._ages.values())
        if seconds_behind < self._objective * _CALM or not self._saturated():
            return -1
        return 1 if seconds_behind > self._objective else 0

    def _climb(self, steps: int) -> None:
        self._rung = min(max(self._rung + steps, 0), _EFFORT_RUNGS + _LEVEL_RUNGS)
        self.pressure = Pressure(min(self._rung, _EFFORT_RUNGS), max(0, self._rung - _EFFORT_RUNGS))
