"""The last warnings and errors of a process, for whoever asks its status."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from streams.telemetry.log_kinds import event_of, message_of

#: Kinds of lines that are kept; the one that has not come for longest goes first.
_KINDS = 50
#: Characters of a text that are kept.
_LONGEST = 300


@dataclass(slots=True)
class Seen:
    """One kind of line.

    Attributes:
        level: As the log says it.
        logger: Whose it is.
        event: What all of its kind have in common.
        count: How often it came.
        first: When it first came, in seconds since the epoch.
        last: When it came last, in seconds since the epoch.
        details: What its last line said.
    """

    level: str
    logger: str
    event: str
    first: float
    count: int = 0
    last: float = 0.0
    details: dict[str, str] = field(default_factory=dict)


class RecentErrors(logging.Handler):
    """Keeps warnings and errors by kind: a flood of one kind is one entry, with its last line.

    Args:
        now: Seconds since the epoch.
    """

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        super().__init__(logging.WARNING)
        self._now = now
        self._seen: OrderedDict[tuple[str, str], Seen] = OrderedDict()

    def emit(self, record: logging.LogRecord) -> None:
        """Take a line in; from any thread, one at a time."""
        event, details = event_of(record), _details(record)
        key = (record.name, event)
        if key not in self._seen and len(self._seen) >= _KINDS:
            self._seen.popitem(last=False)
        now = self._now()
        seen = self._seen.setdefault(key, Seen(record.levelname.lower(), record.name, event, now))
        self._seen.move_to_end(key)
        seen.count += 1
        seen.last = now
        seen.details = details

    def latest(self) -> list[Seen]:
        """What was seen, the latest kind first."""
        self.acquire()
        try:
            return [replace(seen) for seen in reversed(self._seen.values())]
        finally:
            self.release()


def _details(record: logging.LogRecord) -> dict[str, str]:
    """What a line tells beside its event: ours are mappings, the libraries' are text."""
    if isinstance(record.msg, dict):
        return {name: str(value)[:_LONGEST] for name, value in record.msg.items() if name not in _REPEATED}
    return {"message": message_of(record)[:_LONGEST]}


#: Told by the entry itself; tracebacks are in the log.
_REPEATED = frozenset({"event", "level", "logger", "timestamp", "exc_info", "exception"})
