"""How the lives of a worker ended, kept in its state directory, so that the next life can tell."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

from streams.telemetry.metrics.worker import ExitReason

_REASONS: tuple[ExitReason, ...] = get_args(ExitReason)
_FILE = "exits.json"
_LATEST = 10


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of one life.

    Attributes:
        reason: Its kind.
        message: What went wrong; empty after a stop in good order.
        at: Seconds since the epoch. For a process that could not tell, when the next one began.
    """

    reason: ExitReason
    message: str
    at: float


@dataclass(slots=True)
class ExitLog:
    """Counts the ends of a worker's lives.

    A life that ends without a word, killed or out of power, leaves its mark: the next one counts it as ``crashed``.

    Args:
        directory: The worker's state directory, its own.
        now: Seconds since the epoch.

    Attributes:
        counts: Ends of former lives, by reason.
        latest: The last of them, oldest first.
    """

    directory: Path
    now: Callable[[], float] = time.time
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_REASONS, 0))
    latest: list[Exit] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Read what former lives left, and mark this one as running.

        Raises:
            OSError: When the directory cannot be written.
        """
        kept = _kept(self.directory / _FILE)
        self.counts.update(kept.counts)
        self.latest = kept.latest
        if kept.running:
            self._add(Exit("crashed", "ended without a word", self.now()))
        self._write(running=True)

    def end(self, reason: ExitReason, message: str = "") -> None:
        """Note the end of this life, from any thread; the first word counts.

        Raises:
            OSError: When the directory cannot be written.
        """
        if self._lock.acquire(blocking=False):  # and never released: there is one end
            self._add(Exit(reason, message, self.now()))
            self._write(running=False)

    def _add(self, end: Exit) -> None:
        self.counts[end.reason] += 1
        self.latest = [*self.latest, end][-_LATEST:]

    def _write(self, *, running: bool) -> None:
        latest = [asdict(end) for end in self.latest]
        draft = self.directory / f"{_FILE}.new"
        draft.write_text(json.dumps({"running": running, "counts": self.counts, "latest": latest}))
        draft.replace(self.directory / _FILE)


@dataclass(frozen=True, slots=True)
class _Kept:
    running: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    latest: list[Exit] = field(default_factory=list)


def _kept(path: Path) -> _Kept:
    """What a file says; nothing, where it is missing or was damaged."""
    try:
        stored: dict[str, Any] = json.loads(path.read_bytes())
        counts: dict[str, int] = {reason: int(stored["counts"][reason]) for reason in _REASONS}
        latest = [Exit(end["reason"], str(end["message"]), float(end["at"])) for end in stored["latest"]]
        return _Kept(bool(stored["running"]), counts, latest)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return _Kept()
