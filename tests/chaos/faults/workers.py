"""What happens to workers: they die, freeze, stop, come and go, and are short of memory."""

import asyncio
import contextlib
import resource
import signal
import time
from random import Random
from typing import ClassVar

import psutil

from tests.chaos.faults.aim import Aim, between_transactions, outcomes_in_a_transaction
from tests.chaos.faults.base import Fault
from tests.chaos.scene import Scene

_READY_WITHIN_S = 30.0
#: Above the longest session timeout of the group that is worth testing.
_BEYOND_SESSION_S = (11.0, 14.0)
_PAUSE_S = (0.5, 3.0)


class WorkerKill(Fault):
    """A worker is killed with SIGKILL, and started again at once."""

    name = "worker-kill"
    _signal: ClassVar[signal.Signals] = signal.SIGKILL

    async def inject(self, scene: Scene) -> None:
        worker = scene.crew.workers[self._one_of(scene.crew.on_duty)]
        self.what = worker.name
        worker.signal(self._signal)


class AllWorkersKill(Fault):
    """All workers are killed at once."""

    name = "all-workers-kill"

    async def inject(self, scene: Scene) -> None:
        self.what = "all"
        for number in scene.crew.on_duty:
            scene.crew.workers[number].signal(signal.SIGKILL)


class WorkerPause(Fault):
    """A worker is frozen for less than its session: it comes back as if nothing had been."""

    name = "worker-pause"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_PAUSE_S)
        self._victim = -1

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.crew.on_duty)
        self.what = f"{scene.crew.workers[self._victim].name} for {self.lasts:.1f} s"
        scene.crew.workers[self._victim].signal(signal.SIGSTOP)

    async def heal(self, scene: Scene) -> None:
        scene.crew.workers[self._victim].signal(signal.SIGCONT)


class WorkerFreeze(WorkerPause):
    """A worker is frozen beyond its session, and thawed: a zombie, whose partitions others have."""

    name = "worker-freeze"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_BEYOND_SESSION_S)
        self._aim = Aim.perhaps(chance, between_transactions, outcomes_in_a_transaction)

    async def inject(self, scene: Scene) -> None:
        await super().inject(scene)
        if self._aim is not None:
            self.what += await self._aim.freeze(scene, [scene.crew.workers[self._victim]])
            self.struck_at = time.monotonic()


class WorkerStop(WorkerKill):
    """A worker is told to stop, and started again at once."""

    name = "worker-stop"
    _signal = signal.SIGTERM


class WorkersRolling(Fault):
    """Workers are restarted in turn, the next one once the last is ready again."""

    name = "workers-rolling"

    async def inject(self, scene: Scene) -> None:
        self.what = "all in turn"
        for number in scene.crew.on_duty:
            worker = scene.crew.workers[number]
            starts, until = worker.starts, time.monotonic() + _READY_WITHIN_S
            worker.signal(signal.SIGTERM)
            while worker.starts == starts and number in scene.crew.on_duty and time.monotonic() < until:
                await asyncio.sleep(0.1)
            await scene.crew.all_ready(_READY_WITHIN_S)


class Rebalances(Fault):
    """Workers come and go faster than the group settles."""

    name = "rebalances"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._pauses = [chance.uniform(0.2, 2.0) for _ in range(chance.randint(2, 4))]

    async def inject(self, scene: Scene) -> None:
        self.what = f"{len(self._pauses)} in a row"
        for pause in self._pauses:
            if scene.crew.off_duty:
                scene.crew.call_up(scene.crew.off_duty[0])
            else:
                scene.crew.send_home(self._one_of(scene.crew.on_duty))
            await asyncio.sleep(pause)


class RebalanceInRecovery(Rebalances):
    """Workers come and go while the group still has to get over a killed one."""

    name = "rebalances-in-recovery"

    async def inject(self, scene: Scene) -> None:
        scene.crew.workers[self._one_of(scene.crew.on_duty)].signal(signal.SIGKILL)
        await super().inject(scene)


class DecoderKill(Fault):
    """The processes that open files for a worker die, as the kernel kills them when memory is short."""

    name = "decoder-kill"

    async def inject(self, scene: Scene) -> None:
        worker = scene.crew.workers[self._one_of(scene.crew.on_duty)]
        self.what = worker.name
        with contextlib.suppress(psutil.NoSuchProcess):  # somebody was faster
            for child in worker.decoders() if worker.alive else ():
                child.kill()


class MemoryPressure(Fault):
    """A worker gets almost no more memory than it has."""

    name = "memory-pressure"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(2.0, 5.0)
        self._spare = chance.choice((0, 8, 64)) * 2**20
        self._victim: psutil.Process | None = None

    async def inject(self, scene: Scene) -> None:
        worker = scene.crew.workers[self._one_of(scene.crew.on_duty)]
        self.what = f"{worker.name} with {self._spare >> 20} MiB to spare for {self.lasts:.1f} s"
        with contextlib.suppress(psutil.NoSuchProcess):
            self._victim = psutil.Process(worker.process.pid)
            self._limit(self._victim, self._victim.memory_info().vms + self._spare)

    async def heal(self, scene: Scene) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            if self._victim is not None and self._victim.is_running():
                self._limit(self._victim, resource.RLIM_INFINITY)

    @staticmethod
    def _limit(process: psutil.Process, size: int) -> None:
        process.rlimit(psutil.RLIMIT_AS, (size, resource.RLIM_INFINITY))
