"""What flows through the topics: figures of the last minute, once a second, from the index."""

import asyncio
import json
import sqlite3
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from streams.api.index.result_index import ResultIndex
from streams.api.schemas import time_text

log = structlog.get_logger(__name__)

_MINUTE_MS = 60_000
#: Inputs of the last ten minutes are looked at; the lag of older ones is in the workers' metrics.
_LOOKED_AT_MS = 600_000
_KEPT = 300  # figures, for readers that come back

_RESULTS = """
SELECT count(DISTINCT hotel || char(0) || call) AS calls, coalesce(sum(duration_ms), 0) AS audio,
    coalesce(sum(original_bytes), 0) AS before, coalesce(sum(out_size), 0) AS after
FROM recordings WHERE time_ms >= ? AND out_ms BETWEEN ? AND ?
"""
_DEAD = "SELECT count(*) AS dead FROM recordings WHERE dead_ms BETWEEN ? AND ?"
_WAITING = """
SELECT count(*) AS waiting FROM recordings WHERE time_ms BETWEEN ? AND ?
    AND (out_offset IS NULL OR out_ms > ?) AND (dead_ms IS NULL OR dead_ms > ?)
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """The flow at a second since 1970.

    Attributes:
        second: The second.
        document: The figures, by the schema ``Flow``.
        event: The same as a server-sent event, with the second as its id.
    """

    second: int
    document: dict[str, Any]
    event: bytes

    @classmethod
    def of(cls, second: int, document: dict[str, Any]) -> "Figures":
        """The figures with their event."""
        return cls(second, document, f"id: {second}\nevent: flow\ndata: {json.dumps(document)}\n\n".encode())


class Flow:
    """Makes figures once a second, also while nobody reads, the same for all who do.

    A reader has no queue: it is given what is kept after the last figures that it had, so that a slow one misses some.

    Args:
        index: What is in the topics.
        now: Returns the time in seconds since 1970.

    Attributes:
        readers: How many read.
    """

    def __init__(self, index: ResultIndex, now: Callable[[], float] = time.time) -> None:
        self._index = index
        self._now = now
        self._kept: deque[Figures] = deque(maxlen=_KEPT)
        self._lock = asyncio.Lock()
        self._added = asyncio.Event()
        self.readers = 0

    async def run(self) -> None:
        """Make figures until cancelled."""
        while True:
            try:
                await self.add()
            except sqlite3.Error as error:  # the index is being made anew
                log.warning("flow_delayed", reason=str(error))
            await asyncio.sleep(1 - self._now() % 1)

    async def add(self) -> None:
        """Make the figures of this second, and tell the readers."""
        async with self._lock:
            present = int(self._now())
            if not self._kept or self._kept[-1].second < present:
                (made,) = await asyncio.to_thread(self._made, [present])
                self._kept.append(made)
        added, self._added = self._added, asyncio.Event()
        added.set()

    async def events(self, last: int) -> AsyncGenerator[bytes, None]:
        """Events for as long as they are read.

        Args:
            last: The second that was seen last, also if another process has told of it; 0 for none.
        """
        self.readers += 1
        try:
            if last:
                await self._recover(last)
            while True:
                added = self._added  # before what is kept is looked at, so that nothing is missed
                for one in self.after(last):
                    last = one.second
                    yield one.event
                await added.wait()
        finally:
            self.readers -= 1

    def after(self, second: int) -> list[Figures]:
        """The figures that are kept after a second."""
        return [one for one in self._kept if one.second > second] if second else list(self._kept)[-1:]

    async def _recover(self, last: int) -> None:
        """Make the figures between a second and those that are kept, which this process has not made."""
        async with self._lock:
            first = self._kept[0].second if self._kept else int(self._now()) + 1
            missing = range(max(last + 1, first - (_KEPT - len(self._kept))), first)
            if missing:
                self._kept.extendleft(reversed(await asyncio.to_thread(self._made, missing)))

    def _made(self, seconds: Sequence[int]) -> list[Figures]:
        return [Figures.of(one, self._figures(one * 1000)) for one in seconds]

    def _figures(self, now_ms: int) -> dict[str, Any]:
        recent, minute = now_ms - _LOOKED_AT_MS, now_ms - _MINUTE_MS
        (results,) = self._index.query(_RESULTS, [recent, minute, now_ms])
        (dead,) = self._index.query(_DEAD, [minute, now_ms])
        (waiting,) = self._index.query(_WAITING, [recent, now_ms, now_ms, now_ms])
        return {
            "time": time_text(now_ms),
            "callsPerMinute": results["calls"],
            "audioSecondsPerSecond": round(results["audio"] / _MINUTE_MS, 3),
            "ratio": round(results["before"] / results["after"], 2) if results["after"] else None,
            "lag": waiting["waiting"],
            "deadLettersPerMinute": dead["dead"],
        }
