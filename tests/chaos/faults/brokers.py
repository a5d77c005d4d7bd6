"""Faults of brokers: killed, frozen and restarted, one by one and together."""

import asyncio
import signal
import time
from collections.abc import Sequence
from random import Random

from tests.chaos.faults.aim import Aim, between_transactions, outcomes_in_a_transaction
from tests.chaos.faults.base import Fault
from tests.chaos.scene import Scene

_IN_SYNC_WITHIN_S = 20.0


class BrokerKill(Fault):
    """A broker is killed with SIGKILL, and restarted on its data."""

    name = "broker-kill"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(0.5, 3.0)
        self._victims: Sequence[int] = ()

    async def inject(self, scene: Scene) -> None:
        self._victims = await self._choose(scene)
        self.what = f"broker {', '.join(map(str, self._victims))} for {self.lasts:.1f} s"
        self.injected_at = time.monotonic()
        for node in self._victims:
            scene.cluster.brokers.kill(node)

    async def heal(self, scene: Scene) -> None:
        # Together: a broker that starts alone waits for the others' votes.
        await asyncio.gather(*(scene.cluster.revive(node) for node in self._victims))

    async def _choose(self, scene: Scene) -> Sequence[int]:
        return [self._one_of(scene.cluster.brokers.nodes)]


class AllBrokersKill(BrokerKill):
    """All brokers are killed at once."""

    name = "all-brokers-kill"

    async def _choose(self, scene: Scene) -> Sequence[int]:
        return scene.cluster.brokers.nodes


class GroupCoordinatorKill(BrokerKill):
    """The broker that coordinates the workers' group is killed."""

    name = "group-coordinator-kill"

    async def _choose(self, scene: Scene) -> Sequence[int]:
        return [await scene.group_coordinator()]


class TransactionCoordinatorKill(BrokerKill):
    """The broker that coordinates a worker's transactions is killed."""

    name = "transaction-coordinator-kill"

    async def _choose(self, scene: Scene) -> Sequence[int]:
        return [await scene.transaction_coordinator(self._one_of(await scene.last_writers()))]


class BrokerFreeze(Fault):
    """A broker is frozen and resumed; its connections stay open without answers."""

    name = "broker-freeze"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(1.0, 8.0)
        self._aim = Aim.by_chance(chance, between_transactions, outcomes_in_a_transaction)
        self._victim = 0

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.cluster.brokers.nodes)
        self.what = f"broker {self._victim} for {self.lasts:.1f} s"
        workers = [scene.pool.workers[number] for number in scene.pool.running]
        if self._aim is not None:
            self.what += await self._aim.freeze(scene, workers)
        self.injected_at = time.monotonic()
        scene.cluster.brokers.kill(self._victim, signal.SIGSTOP)
        if self._aim is not None:
            for worker in workers:
                worker.signal(signal.SIGCONT)

    async def heal(self, scene: Scene) -> None:
        scene.cluster.brokers.kill(self._victim, signal.SIGCONT)


class BrokersRolling(Fault):
    """Brokers are restarted one after the other, each once all replicas are in sync."""

    name = "brokers-rolling"

    async def inject(self, scene: Scene) -> None:
        self.what = "all in turn"
        for node in scene.cluster.brokers.nodes:
            await scene.cluster.restart(node)
            await scene.replicated(_IN_SYNC_WITHIN_S)
