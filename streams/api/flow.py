"""What flows through the topics: figures of the last minute, once a second, from the index."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streams.api.index.result_index import ResultIndex
from streams.api.schemas import time_text

_MINUTE_MS = 60_000
#: Inputs of the last ten minutes are looked at; the lag of older ones is in the workers' metrics.
_LOOKED_AT_MS = 600_000
_KEPT = 300  # figures, for readers that come back

_RESULTS = """
SELECT count(DISTINCT hotel || char(0) || call) AS calls, coalesce(sum(duration_ms), 0) AS audio,
    coalesce(sum(original_bytes), 0) AS before, coalesce(sum(out_size), 0) AS after
FROM recordings WHERE time_ms >= ? AND out_ms >= ?
"""
_DEAD = "SELECT count(*) AS dead FROM recordings WHERE dead_ms >= ?"
_WAITING = "SELECT count(*) AS waiting FROM recordings WHERE time_ms >= ? AND out_offset IS NULL AND dead_ms IS NULL"


@dataclass(frozen=True, slots=True)
class Figures:
    """The flow at a second since 1970, by the schema ``Flow``."""

    second: int
    document: dict[str, Any]


class Flow:
    """Makes figures once a second while somebody asks, the same for all who ask.

    Args:
        index: What is in the topics.
        now: Returns the time in seconds since 1970.
    """

    def __init__(self, index: ResultIndex, now: Callable[[], float] = time.time) -> None:
        self._index = index
        self._now = now
        self._kept: deque[Figures] = deque(maxlen=_KEPT)
        self._lock = asyncio.Lock()

    async def after(self, second: int) -> list[Figures]:
        """The figures that are kept after a second, with those of now."""
        async with self._lock:
            present = int(self._now())
            if not self._kept or self._kept[-1].second < present:
                self._kept.append(Figures(present, await asyncio.to_thread(self._figures, present * 1000)))
        return [one for one in self._kept if one.second > second]

    def _figures(self, now_ms: int) -> dict[str, Any]:
        recent, minute = now_ms - _LOOKED_AT_MS, now_ms - _MINUTE_MS
        (results,) = self._index.query(_RESULTS, [recent, minute])
        (dead,) = self._index.query(_DEAD, [minute])
        (waiting,) = self._index.query(_WAITING, [recent])
        return {
            "time": time_text(now_ms),
            "callsPerMinute": results["calls"],
            "audioSecondsPerSecond": round(results["audio"] / _MINUTE_MS, 3),
            "ratio": round(results["before"] / results["after"], 2) if results["after"] else None,
            "lag": waiting["waiting"],
            "deadLettersPerMinute": dead["dead"],
        }
