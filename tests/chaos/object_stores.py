"""A genuine S3 server for the workers of a bench: two instances over the same objects, each behind a proxy."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Self
from urllib.parse import unquote

from infra.kafka.ports import HOST, free_ports
from infra.stores.local import BUCKET, REGION, LocalStores, LocalStoresError
from tests.chaos.errors import ChaosError
from tests.chaos.records import ObservedRecord
from tests.chaos.store_proxy import StoreProxy

_INSTANCES = 2
#: Small, so that results of all sizes are stored.
_INLINE_LIMIT = "2KB"
_BEGINNING = 8  # bytes of an object
_REFERENCE = f"s3://{BUCKET}/"


class BenchStores:
    """The stores of a bench; an async context manager.

    Args:
        directory: For the objects.

    Attributes:
        instances: Number of instances.
        proxies: The proxy in front of each.
        local: The instances.
    """

    instances = _INSTANCES

    def __init__(self, directory: Path) -> None:
        first = free_ports(2 * _INSTANCES)
        self.local = LocalStores(directory, _INSTANCES, first)
        self._objects = directory.resolve() / "data" / BUCKET
        self.proxies = [StoreProxy(first + one, first + _INSTANCES + one) for one in range(_INSTANCES)]
        self._seen: set[Path] = set()
        self._started = AsyncExitStack()
        self._changes = asyncio.Lock()  # several faults may have the same victim

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as started:
            started.callback(self.local.stop)
            try:
                await asyncio.to_thread(self.local.start)
            except LocalStoresError as error:
                raise ChaosError(str(error)) from error
            for proxy in self.proxies:
                await proxy.start()
                started.push_async_callback(proxy.stop)
            self._started = started.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._started.aclose()

    async def kill(self, instance: int) -> None:
        """Kill an instance at once."""
        async with self._changes:
            await asyncio.to_thread(self.local.kill, instance)

    async def bring_back(self, instance: int) -> None:
        """Start an instance again, unless it runs."""
        async with self._changes:
            if self.local.pid(instance) is None:
                await asyncio.to_thread(self.local.restart, instance)

    @property
    def environment(self) -> dict[str, str]:
        """The settings of workers that use them."""
        endpoints = "&".join(f"endpoint=http://{HOST}:{proxy.port}" for proxy in self.proxies)
        return {
            "AUDIO_STORES": f"s3://{BUCKET}?{endpoints}&region={REGION}",
            "AUDIO_STORES_ACCESS_KEY": self.local.access_key,
            "AUDIO_STORES_SECRET_KEY": self.local.secret_key,
            "AUDIO_INLINE_LIMIT": _INLINE_LIMIT,
            "AUDIO_HEALTH_CHECK_INTERVAL": "5s",
        }

    def filled(self, one: ObservedRecord) -> ObservedRecord:
        """A record with the object that it refers to as its value, as a reader has it; read from the disk."""
        reference = one.header("ce_dataref")
        if one.value or reference is None or not reference.startswith(_REFERENCE):
            return one
        path = self._objects / unquote(reference.removeprefix(_REFERENCE))
        return replace(one, value=path.read_bytes()) if path.is_file() else one

    def new_objects(self) -> Iterator[tuple[str, bytes]]:
        """Names and first bytes of the objects since the last call; read from the disk."""
        for path in sorted(self._objects.rglob("*")):
            if path.is_file() and path not in self._seen:
                self._seen.add(path)
                with path.open("rb") as file:
                    yield path.name, file.read(_BEGINNING)
