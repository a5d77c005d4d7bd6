"""What faults act on: a cluster, its proxies, and a pool of workers."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.coordination import FindCoordinatorRequest

from tests.chaos.cluster import ProxiedCluster
from tests.chaos.key_stores import BenchKeyStores
from tests.chaos.object_stores import BenchStores
from tests.chaos.oracle import Oracle
from tests.chaos.pool import WorkerPool
from tests.chaos.workload import HotelPolicy

_ANSWER_WITHIN_S = 20.0
_LOOK_S, _SOON_S = 0.2, 0.02
_GROUP, _TRANSACTION = 0, 1


@dataclass(frozen=True)
class Scene:
    """Everything that a fault may act on.

    Attributes:
        cluster: The brokers and their proxies.
        pool: The workers.
        prefix: Put before every topic's name.
        group: The workers' consumer group.
        oracle: Sends further inputs, which are judged as all others.
        policies: The hotels' policies that results are judged by; a fault may add some.
        stores: The object stores; None if no fault is about them.
        keys: The workers' key stores; None if they seal nothing.
    """

    cluster: ProxiedCluster
    pool: WorkerPool
    prefix: str
    group: str
    oracle: Oracle
    policies: dict[str, HotelPolicy]
    stores: BenchStores | None = None
    keys: BenchKeyStores | None = None

    def topic(self, name: str) -> str:
        """The full name of one of the product's topics."""
        return f"{self.prefix}{name}"

    async def group_coordinator(self) -> int:
        """The broker that coordinates the workers' group."""
        return await self._coordinator(self.group, _GROUP)

    async def wait_for_other_coordinator(self, node: int, within: float) -> bool:
        """Wait until all other brokers name another group coordinator; returns whether they did in time."""
        others = [other for other in self.cluster.brokers.nodes if other != node]
        client = AIOKafkaClient(bootstrap_servers=self.cluster.bootstrap_servers)
        until = time.monotonic() + within
        try:
            await client.bootstrap()
            while time.monotonic() < until:
                with contextlib.suppress(KafkaError):
                    answers = [await client.send(other, FindCoordinatorRequest(self.group, _GROUP)) for other in others]
                    if all(not one.error_code and one.coordinator_id != node for one in answers):
                        return True
                await asyncio.sleep(_LOOK_S)
        finally:
            await client.close()
        return False

    async def last_writers(self) -> list[str]:
        """Names of the workers that committed last, for some partition each; waits for the first commit."""
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            while not (writers := await self._last_writers()):
                await asyncio.sleep(_LOOK_S)
        return writers

    async def transaction_coordinator(self, writer: str) -> int:
        """The broker that coordinates the transactions of a worker."""
        return await self._coordinator(f"{self.group}-{writer}", _TRANSACTION)

    async def members(self) -> frozenset[str]:
        """Members of the workers' group; none during a rebalance, or if no broker answers."""
        with contextlib.suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(_ANSWER_WITHIN_S), self._admin() as admin:
                return await self._members(admin)
        return frozenset()

    async def wait_for_rebalance(self, within: float) -> None:
        """Wait until the group rebalances, for at most ``within`` seconds."""
        with contextlib.suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(within), self._admin() as admin:
                while await self._members(admin):
                    await asyncio.sleep(_SOON_S)

    async def wait_for_takeover(self, members: frozenset[str], within: float) -> None:
        """Wait until the group is stable without one of these members, for at most ``within`` seconds."""
        with contextlib.suppress(KafkaError, TimeoutError, OSError):
            async with asyncio.timeout(within), self._admin() as admin:
                while not (found := await self._members(admin)) or members <= found:
                    await asyncio.sleep(_SOON_S)

    async def replicated(self, within: float) -> bool:
        """Wait until every replica of every partition is in sync; returns whether that happened in time."""
        until = time.monotonic() + within
        while time.monotonic() < until:
            if await self._in_sync():
                return True
            await asyncio.sleep(_LOOK_S)
        return False

    async def _last_writers(self) -> list[str]:
        with contextlib.suppress(KafkaError, OSError):
            async with self._admin() as admin:
                committed = await admin.list_consumer_group_offsets(self.group)
                return sorted({offset.metadata for offset in committed.values() if offset.metadata})
        return []

    async def _members(self, admin: AIOKafkaAdminClient) -> frozenset[str]:
        (answer,) = await admin.describe_consumer_groups([self.group])
        _, _, state, _, _, members, *_ = answer.groups[0]
        return frozenset(member[0] for member in members) if state == "Stable" else frozenset()

    @contextlib.asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.cluster.bootstrap_servers)
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()

    async def _in_sync(self) -> bool:
        try:
            async with asyncio.timeout(_ANSWER_WITHIN_S), self._admin() as admin:
                topics = await admin.describe_topics()
        except (KafkaError, TimeoutError, OSError):
            return False
        found = [partition for topic in topics for partition in topic["partitions"]]
        return bool(found) and all(len(one["isr"]) == len(one["replicas"]) for one in found)

    async def _coordinator(self, name: str, kind: int) -> int:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            while True:
                try:
                    async with self._admin() as admin:
                        return int(await admin.find_coordinator(name, kind))
                except (KafkaError, OSError):
                    await asyncio.sleep(_LOOK_S)
