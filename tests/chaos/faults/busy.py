"""What happens to workers in the midst of much work, when whatever they had begun is still open."""

import asyncio
import signal
import time
from random import Random

from tests.chaos.faults.aim import Aim, offsets_in_a_transaction, outcomes_in_a_transaction
from tests.chaos.faults.base import Fault
from tests.chaos.scene import Scene
from tests.chaos.workload import burst

_BURST = 60
#: Seconds from the arrival of a burst until it is struck: it is being worked on.
_INJECT_S = (0.02, 0.4)
#: Seconds from the handing over of partitions until their new owner has fenced the old one, and a little more.
_WAKES_S = (0.0, 0.6)
#: A worker that is not missed by then is not going to be: nobody else is there.
_MISSED_WITHIN_S = 15.0
#: A worker that is called up joins by then.
_BEGINS_WITHIN_S = 15.0
#: More than the others have done by the time that they hear of the rebalance, with their next heartbeat.
_FLOOD = 200


class BusyKill(Fault):
    """All workers are killed in the midst of much work, in most cases while a transaction is open."""

    name = "workers-kill-busy"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._inject_s = chance.uniform(*_INJECT_S)
        self._burst = burst(_BURST, chance)
        self._aim = Aim.perhaps(chance, outcomes_in_a_transaction, offsets_in_a_transaction)

    async def inject(self, scene: Scene) -> None:
        self.what = "all"
        victims = [scene.pool.workers[number] for number in scene.pool.on_duty]
        if self._aim is None:
            await scene.oracle.send(self._burst)
            await asyncio.sleep(self._inject_s)
        else:
            self.what += await self._aim.freeze(scene, victims)
        self.struck_at = time.monotonic()
        for worker in victims:
            worker.signal(signal.SIGKILL)


class BusyZombie(Fault):
    """A worker is frozen, and thawed while others are taking over its partitions."""

    name = "worker-wakes-at-takeover"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_WAKES_S)
        self._inject_s = chance.uniform(*_INJECT_S)
        self._burst = burst(_BURST, chance)
        self._victim = -1

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.pool.on_duty)
        worker = scene.pool.workers[self._victim]
        self.what = worker.name
        members = await scene.members()
        sending = asyncio.create_task(scene.oracle.send(self._burst))
        await asyncio.sleep(self._inject_s)  # the first inputs are being worked on, the last ones not even sent
        worker.signal(signal.SIGSTOP)
        await sending
        await scene.wait_for_takeover(members, _MISSED_WITHIN_S)

    async def heal(self, scene: Scene) -> None:
        scene.pool.workers[self._victim].signal(signal.SIGCONT)


class BusyRebalance(Fault):
    """One more worker, or one less, in the midst of much work: everybody lets go of their partitions."""

    name = "rebalance-busy"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._flood = burst(_FLOOD, chance)

    async def inject(self, scene: Scene) -> None:
        if scene.pool.off_duty:
            number = scene.pool.off_duty[0]
            scene.pool.call_up(number)
        else:
            number = self._one_of(scene.pool.on_duty)
            scene.pool.send_home(number)
        self.what = scene.pool.workers[number].name
        await scene.wait_for_rebalance(_BEGINS_WITHIN_S)
        await scene.oracle.send(self._flood)
