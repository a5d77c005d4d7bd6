"""The archive of a test: followers, what they tell, and what is in the stores."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from schemas import CompressedAudio
from streams.archive.follower import ArchiveFollower
from streams.archive.progress import ArchiveProgress
from streams.kafka.connection import KafkaConnection
from streams.stores import Stores, StoresConfiguration
from streams.telemetry.metrics.archive import ArchiveMetrics
from tests.support.brokers import Broker, Namespace
from tests.support.call_segments import result


def a_call(call_id: str, count: int = 3, **changes: Any) -> list[CompressedAudio]:
    """The results of a call that are to be archived, whose files are texts."""
    usual = {"archive": True, "call_id": call_id, "stream_id": f"{call_id}:guest"}
    return [
        result(number, audio=f"OggS {call_id} {number}".encode(), final=number == count - 1, **(usual | changes))
        for number in range(count)
    ]


class Archive:
    """The followers of a test.

    Attributes:
        root: The directory of the stores.
        stores: The stores.
        connection: The connection of the followers.
        group: Their consumer group.
    """

    def __init__(self, broker: Broker, namespace: Namespace, topic: str, root: Path, stores: Stores) -> None:
        self.root = root
        self.stores = stores
        self.connection = KafkaConnection(broker.bootstrap_servers)
        self.group = namespace.group
        self._topic = topic
        self._registry = CollectorRegistry()
        metrics = ArchiveMetrics(self._registry)
        self._metrics = metrics

    def follower(self, stores: Stores | None = None, *, wanted: bool = True, quiet: float = 1.0) -> ArchiveFollower:
        return ArchiveFollower(
            self.connection,
            self._topic,
            self.group,
            stores or self.stores,
            self._metrics,
            wanted=lambda: wanted,
            progress=lambda: ArchiveProgress(quiet),
        )

    def told(self, metric: str) -> float:
        """What the followers tell in a metric."""
        return self._registry.get_sample_value(metric) or 0.0

    @asynccontextmanager
    async def running(self, *followers: ArchiveFollower) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in followers]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def archive_of(broker: Broker, namespace: Namespace, topic: str, root: Path) -> Iterator[Archive]:
    """The archive of a topic of results, in a directory."""
    stores = Stores.of(StoresConfiguration.parse(f"file://{root}"))
    try:
        yield Archive(broker, namespace, topic, root, stores)
    finally:
        stores.close()


async def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for a condition."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.1)


def manifests(root: Path) -> dict[str, Any]:
    """All manifests below a directory, by call."""
    found = [json.loads(path.read_text()) for path in sorted(root.rglob("manifest.json"))]
    return {one["call"]: one for one in found}


def audio(root: Path) -> list[bytes]:
    """All OGG files below a directory."""
    return sorted(path.read_bytes() for path in root.rglob("*.ogg"))
