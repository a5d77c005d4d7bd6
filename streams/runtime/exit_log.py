"""The exit history of a worker: how its previous runs ended, stored in its state directory."""

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
    """The end of one run.

    Attributes:
        reason: The kind of exit.
        message: What went wrong; empty after an orderly stop.
        at: Seconds since the epoch; for a process that was killed, the start of the next run.
    """

    reason: ExitReason
    message: str
    at: float


@dataclass(slots=True)
class ExitLog:
    """Counts the exits of a worker's runs by reason, and keeps the latest.

    A run that ends without writing its exit, because it was killed or power was lost, leaves a mark: the next run
    counts it as ``crashed``.

    Args:
        directory: The worker's own state directory.
        now: Returns seconds since the epoch.

    Attributes:
        counts: Number of exits by reason.
        latest: The latest exits, oldest first.
    """

    directory: Path
    now: Callable[[], float] = time.time
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_REASONS, 0))
    latest: list[Exit] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self) -> None:
        """Read the history of previous runs, and mark this run as running.

        Raises:
            OSError: When the directory cannot be written.
        """
        stored = _read(self.directory / _FILE)
        self.counts.update(stored.counts)
        self.latest = stored.latest
        if stored.running:
            self._add(Exit("crashed", "killed, or out of power: no exit was recorded", self.now()))
        self._write(running=True)

    def end(self, reason: ExitReason, message: str = "") -> None:
        """Store the exit of this run; callable from any thread, and only the first call counts.

        Raises:
            OSError: When the directory cannot be written.
        """
        if self._lock.acquire(blocking=False):  # never released: a run has one exit
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
class _Stored:
    running: bool = False
    counts: Mapping[str, int] = field(default_factory=dict)
    latest: list[Exit] = field(default_factory=list)


def _read(path: Path) -> _Stored:
    """Read the stored history; an empty one when the file is missing or corrupt."""
    try:
        stored: dict[str, Any] = json.loads(path.read_bytes())
        counts: dict[str, int] = {reason: int(stored["counts"][reason]) for reason in _REASONS}
        latest = [Exit(end["reason"], str(end["message"]), float(end["at"])) for end in stored["latest"]]
        return _Stored(bool(stored["running"]), counts, latest)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return _Stored()
