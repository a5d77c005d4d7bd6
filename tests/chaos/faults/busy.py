"""Faults of workers under load, while their transactions are open."""

import asyncio
import signal
import time
from random import Random

from tests.chaos.faults.aim import Aim, offsets_in_a_transaction, outcomes_in_a_transaction
from tests.chaos.faults.base import Fault
from tests.chaos.scene import Scene
from tests.chaos.workload import burst

_BURST = 60
#: Seconds from a burst's arrival to the injection: the burst is being processed then.
_INJECT_S = (0.02, 0.4)
#: Seconds from a reassignment of partitions until the new owner has fenced the old one, with a margin.
_WAKES_S = (0.0, 0.6)
#: Seconds after which a frozen worker will not be replaced: it is the only one.
_MISSED_WITHIN_S = 15.0
#: Seconds until a started worker has joined.
_BEGINS_WITHIN_S = 15.0
#: More inputs than the others process before their next heartbeat tells them of the rebalance.
_FLOOD = 200


class BusyKill(Fault):
    """All workers are killed under load, in most cases while a transaction is open."""

    name = "workers-kill-busy"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._inject_s = chance.uniform(*_INJECT_S)
        self._burst = burst(_BURST, chance)
        self._aim = Aim.by_chance(chance, outcomes_in_a_transaction, offsets_in_a_transaction)

    async def inject(self, scene: Scene) -> None:
        self.what = "all"
        victims = [scene.pool.workers[number] for number in scene.pool.running]
        if self._aim is None:
            await scene.oracle.send(self._burst)
            await asyncio.sleep(self._inject_s)
        else:
            self.what += await self._aim.freeze(scene, victims)
        self.injected_at = time.monotonic()
        for worker in victims:
            worker.signal(signal.SIGKILL)


class BusyZombie(Fault):
    """A worker is frozen, and resumed while others take over its partitions."""

    name = "worker-wakes-at-takeover"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_WAKES_S)
        self._inject_s = chance.uniform(*_INJECT_S)
        self._burst = burst(_BURST, chance)
        self._victim = -1

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.pool.running)
        worker = scene.pool.workers[self._victim]
        self.what = worker.name
        members = await scene.members()
        sending = asyncio.create_task(scene.oracle.send(self._burst))
        await asyncio.sleep(self._inject_s)  # the first inputs are in progress, the last ones not yet sent
        worker.signal(signal.SIGSTOP)
        await sending
        await scene.wait_for_takeover(members, _MISSED_WITHIN_S)

    async def heal(self, scene: Scene) -> None:
        scene.pool.workers[self._victim].signal(signal.SIGCONT)


class BusyRebalance(Fault):
    """A worker is added or removed under load, so that all partitions are revoked."""

    name = "rebalance-busy"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._flood = burst(_FLOOD, chance)

    async def inject(self, scene: Scene) -> None:
        if scene.pool.stopped:
            number = scene.pool.stopped[0]
            scene.pool.start(number)
        else:
            number = self._one_of(scene.pool.running)
            scene.pool.stop(number)
        self.what = scene.pool.workers[number].name
        await scene.wait_for_rebalance(_BEGINS_WITHIN_S)
        await scene.oracle.send(self._flood)
