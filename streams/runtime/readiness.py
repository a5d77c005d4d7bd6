"""Whether a worker is ready: named conditions, each looked at on its own."""

from collections.abc import Callable, Iterator, Mapping

import structlog

log = structlog.get_logger(__name__)


class Readiness:
    """The conditions of readiness. One that raises does not hold; the others are still told.

    Args:
        conditions: By name, what tells whether it holds now.
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
            if name not in self._failing:  # once, not with every look
                log.warning("condition_failed", condition=name, error=type(error).__name__, reason=str(error))
            self._failing.add(name)
            return False
        self._failing.discard(name)
        return holds

    def now(self) -> dict[str, bool]:
        """Every condition, and whether it holds now."""
        return {name: self.holds(name) for name in self._conditions}
