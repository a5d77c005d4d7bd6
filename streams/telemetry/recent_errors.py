"""The latest warnings and errors of the process, for its status page."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from streams.telemetry.log_kinds import event_of, message_of

#: Largest number of kinds; the one that was not logged for the longest time is dropped first.
_KINDS = 50
#: Characters that are kept of a text.
_LONGEST = 300


@dataclass(slots=True)
class RecentError:
    """One kind of warning or error.

    Attributes:
        level: Level of the lines, in lower case.
        logger: Name of the logger.
        event: Event or template that all lines of the kind have in common.
        count: Number of lines.
        first: Time of the first line, in seconds since the epoch.
        last: Time of the last line, in seconds since the epoch.
        details: Other fields of the last line.
    """

    level: str
    logger: str
    event: str
    first: float
    count: int = 0
    last: float = 0.0
    details: dict[str, str] = field(default_factory=dict)


class RecentErrors(logging.Handler):
    """Keeps the latest warnings and errors by kind: many lines of one kind are one entry, with the last line.

    Args:
        now: Returns seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(logging.WARNING)
        self._now = now
        self._kinds: OrderedDict[tuple[str, str], RecentError] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Record a line; the handler's lock is held."""
        event, details = event_of(record), _details(record)
        key = (record.name, event)
        if key not in self._kinds and len(self._kinds) >= _KINDS:
            self._kinds.popitem(last=False)
        now = self._now()
        kind = self._kinds.setdefault(key, RecentError(record.levelname.lower(), record.name, event, now))
        self._kinds.move_to_end(key)
        kind.count += 1
        kind.last = now
        kind.details = details

    def latest(self) -> list[RecentError]:
        """Return copies of all entries, the latest first."""
        self.acquire()
        try:
            return [replace(kind) for kind in reversed(self._kinds.values())]
        finally:
            self.release()


def _details(record: logging.LogRecord) -> dict[str, str]:
    """Fields of a line besides its event: our lines are mappings, those of libraries are text."""
    if isinstance(record.msg, dict):
        return {name: str(value)[:_LONGEST] for name, value in record.msg.items() if name not in _REPEATED}
    return {"message": message_of(record)[:_LONGEST]}


#: Fields that the entry itself has; tracebacks are in the log only.
_REPEATED = frozenset({"event", "level", "logger", "timestamp", "exc_info", "exception"})
