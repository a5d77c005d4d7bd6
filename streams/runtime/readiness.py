"""Readiness of a worker: named conditions that are checked independently of each other."""

import asyncio
from collections.abc import Callable, Iterator, Mapping

import structlog

log = structlog.get_logger(__name__)


#: Seconds between two looks.
_INTERVAL = 0.2


class Readiness:
    """Evaluates the conditions of readiness. A condition that raises does not hold, and does not affect the others.

    Args:
        conditions: For each name, a function that returns whether the condition holds now.
    """

    def __init__(self, conditions: Mapping[str, Callable[[], bool]]) -> None:
        self._conditions = conditions
        self._failing: set[str] = set()

    def __iter__(self) -> Iterator[str]:
        return iter(self._conditions)

    def holds(self, name: str) -> bool:
        """Whether a condition holds now."""
        try:
            holds = self._conditions[name]()
        except Exception as error:  # noqa: BLE001  whatever a condition raises
            if name not in self._failing:  # log it once, not at every check
                log.warning("condition_failed", condition=name, error=type(error).__name__, reason=str(error))
            self._failing.add(name)
            return False
        self._failing.discard(name)
        return holds

    def now(self) -> dict[str, bool]:
        """For each condition, whether it holds now."""
        return {name: self.holds(name) for name in self._conditions}

    async def wait(self) -> None:
        """Wait until all conditions hold."""
        while not all(self.now().values()):  # noqa: ASYNC110  the conditions are functions, which set no event
            await asyncio.sleep(_INTERVAL)
