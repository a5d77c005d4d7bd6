"""Reads the topic ``audio.audit`` in its order."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from schemas.topics import AUDIT
from scripts.cli import Cluster, progress_bar
from streams.clients.topic_reader import Offsets, TopicReader
from streams.kafka.protocol.unreadable import Unreadable


class AuditReader:
    """Hands the values of the topic's records on, each once; use it as an async context manager.

    Args:
        cluster: Where the topic is.
        take: Called with each value.

    Raises:
        TopicError: On entering, if there is no such topic, or its settings are others.
    """

    def __init__(self, cluster: Cluster, take: Callable[[bytes | None], None]) -> None:
        self._cluster = cluster
        self._take = take
        self._topic = TopicReader(cluster.connection, cluster.topic(AUDIT))
        self._positions: Offsets = {}
        self._taken, self._spent = 0, 0.0

    async def __aenter__(self) -> Self:
        await self._cluster.check([AUDIT])
        await self._topic.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._topic.__aexit__(kind, error, trace)

    @property
    def rate(self) -> float:
        """Values that were taken in a second, without the time that reading them took."""
        return self._taken / self._spent if self._spent else 0.0

    async def read(self) -> None:
        """Read what was committed since the last call, or since the topic's beginning."""
        begins, ends = await self._topic.bounds()
        begins |= self._positions
        with progress_bar() as progress:
            first = sum(begins.values())
            bar = progress.add_task("records", total=sum(ends.values()) - first)

            def reached(now: Offsets) -> None:
                progress.update(bar, completed=sum(now.values()) - first)

            async for record in self._topic.between(begins, ends, reached):
                value = None if isinstance(record, Unreadable) else record.value
                began = time.perf_counter()
                self._take(value)
                self._spent += time.perf_counter() - began
                self._taken += 1
        self._positions = dict(ends)
