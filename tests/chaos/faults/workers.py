"""Faults of worker processes: killed, frozen, stopped, added, removed, and short of memory."""

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
from tests.chaos.log_pipe import LogPipe
from tests.chaos.pool import WorkerPool
from tests.chaos.scene import Scene
from tests.chaos.workload import burst

_READY_WITHIN_S = 30.0
#: Seconds above the group's session timeout.
_BEYOND_SESSION_S = (11.0, 14.0)
_PAUSE_S = (0.5, 3.0)
#: Seconds between the stop of a removed worker and its next start.
_AWAY_S = (0.2, 4.0)
#: Seconds in which a worker drains and leaves its group.
_LEAVES_S = (0.0, 0.3)
_STALL_S = (6.0, 12.0)
#: Inputs, of which a third is bad: each bad one is a log line, together more than a small pipe holds.
_LINES = 96
_LOOK_S = 0.5
#: HTTP requests in a row without an answer, each with a timeout of some seconds, that count as a failure.
_FEWEST = 2
#: Seconds the fault lasts, and by which the clock is ahead: a day, an hour, or as little as slight lag.
_WRONG_S = (5.0, 9.0)
_AHEAD_S = (-86_400.0, -3_600.0, -10.0, 10.0, 3_600.0, 86_400.0)


class WorkerKill(Fault):
    """A worker is killed with SIGKILL, and restarted at once."""

    name = "worker-kill"
    _signal: ClassVar[signal.Signals] = signal.SIGKILL

    async def inject(self, scene: Scene) -> None:
        worker = scene.pool.workers[self._one_of(scene.pool.running)]
        self.what = worker.name
        worker.signal(self._signal)


class AllWorkersKill(Fault):
    """All workers are killed at once."""

    name = "all-workers-kill"

    async def inject(self, scene: Scene) -> None:
        self.what = "all"
        for number in scene.pool.running:
            scene.pool.workers[number].signal(signal.SIGKILL)


class WorkerPause(Fault):
    """A worker is frozen for less than its session, and remains a member."""

    name = "worker-pause"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_PAUSE_S)
        self._victim = -1

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.pool.running)
        self.what = f"{scene.pool.workers[self._victim].name} for {self.lasts:.1f} s"
        scene.pool.workers[self._victim].signal(signal.SIGSTOP)

    async def heal(self, scene: Scene) -> None:
        scene.pool.workers[self._victim].signal(signal.SIGCONT)


class WorkerFreeze(WorkerPause):
    """A worker is frozen for longer than its session, and resumed as a zombie whose partitions others own."""

    name = "worker-freeze"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_BEYOND_SESSION_S)
        self._aim = Aim.by_chance(chance, between_transactions, outcomes_in_a_transaction)

    async def inject(self, scene: Scene) -> None:
        await super().inject(scene)
        if self._aim is not None:
            self.what += await self._aim.freeze(scene, [scene.pool.workers[self._victim]])
            self.injected_at = time.monotonic()


class WorkerStop(WorkerKill):
    """A worker is stopped with SIGTERM, and restarted at once."""

    name = "worker-stop"
    _signal = signal.SIGTERM


class WorkersRolling(Fault):
    """Workers are restarted one after the other, each once the previous one is ready."""

    name = "workers-rolling"

    async def inject(self, scene: Scene) -> None:
        self.what = "all in turn"
        for number in scene.pool.running:
            worker = scene.pool.workers[number]
            starts, until = worker.starts, time.monotonic() + _READY_WITHIN_S
            worker.signal(signal.SIGTERM)
            while worker.starts == starts and number in scene.pool.running and time.monotonic() < until:
                await asyncio.sleep(0.1)
            await scene.pool.all_ready(_READY_WITHIN_S)


class Rebalances(Fault):
    """Workers join and leave faster than rebalances complete."""

    name = "rebalances"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._pauses = [chance.uniform(0.2, 2.0) for _ in range(chance.randint(2, 4))]

    async def inject(self, scene: Scene) -> None:
        self.what = f"{len(self._pauses)} in a row"
        for pause in self._pauses:
            if scene.pool.stopped:
                scene.pool.start(scene.pool.stopped[0])
            else:
                scene.pool.stop(self._one_of(scene.pool.running))
            await asyncio.sleep(pause)


class WorkersRemoved(Fault):
    """A worker is removed for good, leaves its group, and comes back, sometimes before others have its partitions."""

    name = "workers-removed"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._away_s = [chance.uniform(*_AWAY_S) for _ in range(chance.randint(1, 3))]
        self._killed_after_s = chance.choice((None, None, chance.uniform(*_LEAVES_S)))

    async def inject(self, scene: Scene) -> None:
        number = self._one_of(scene.pool.running)
        self.what = f"{scene.pool.workers[number].name}, {len(self._away_s)} times"
        for away_s in self._away_s:
            if scene.pool.running != [number]:  # another fault may have removed the others
                await self._remove(scene.pool, number)
            await asyncio.sleep(away_s)
            scene.pool.bring_back(number)
            await scene.pool.all_ready(_READY_WITHIN_S)

    async def _remove(self, pool: WorkerPool, number: int) -> None:
        pool.remove(number)
        if self._killed_after_s is not None:
            await asyncio.sleep(self._killed_after_s)
            pool.workers[number].signal(signal.SIGKILL)


class RebalanceInRecovery(Rebalances):
    """Workers join and leave while the group still recovers from a killed one."""

    name = "rebalances-in-recovery"

    async def inject(self, scene: Scene) -> None:
        scene.pool.workers[self._one_of(scene.pool.running)].signal(signal.SIGKILL)
        await super().inject(scene)


class DecoderKill(Fault):
    """A worker's decoder processes are killed, as by the kernel when memory is short."""

    name = "decoder-kill"

    async def inject(self, scene: Scene) -> None:
        worker = scene.pool.workers[self._one_of(scene.pool.running)]
        self.what = worker.name
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended already
            for child in worker.decoders() if worker.alive else ():
                child.kill()


class MemoryPressure(Fault):
    """A worker's memory limit is set just above its use."""

    name = "memory-pressure"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(2.0, 5.0)
        self._spare = chance.choice((0, 8, 64)) * 2**20
        self._victim: psutil.Process | None = None

    async def inject(self, scene: Scene) -> None:
        worker = scene.pool.workers[self._one_of(scene.pool.running)]
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


class StalledPipe(Fault):
    """A worker's log pipe is full for some seconds because nobody reads it; the worker must go on, and answer HTTP."""

    name = "stalled-pipe"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._stall_s = chance.uniform(*_STALL_S)
        self._inputs = burst(_LINES, chance)
        self._pipe: LogPipe | None = None

    async def inject(self, scene: Scene) -> None:
        worker = scene.pool.workers[self._one_of(scene.pool.running)]
        self.what = f"{worker.name} for {self._stall_s:.1f} s"
        self._pipe = worker.log_pipe
        if self._pipe is not None:
            self._pipe.pause()
        starts, until, asked, answered = worker.starts, time.monotonic() + self._stall_s, 0, 0
        await scene.oracle.send(self._inputs)
        while time.monotonic() < until:
            await asyncio.sleep(_LOOK_S)
            if worker.starts == starts and worker.runs:
                status, _ = await asyncio.to_thread(worker.get, "/health/live")
                asked, answered = asked + 1, answered + (status != 0)
        if asked >= _FEWEST and not answered and worker.starts == starts:
            self.problems.append(f"{worker.name} answers nothing while nobody reads its log")

    async def heal(self, scene: Scene) -> None:
        if self._pipe is not None:
            self._pipe.resume()


class WrongClock(Fault):
    """A worker is killed, and runs with a wrong clock for some seconds."""

    name = "wrong-clocks"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_WRONG_S)
        self._ahead_s = chance.choice(_AHEAD_S)
        self._victim = -1

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.pool.running)
        self.what = f"{scene.pool.workers[self._victim].name} {self._ahead_s:+.0f} s for {self.lasts:.1f} s"
        self._set(scene, self._ahead_s)

    async def heal(self, scene: Scene) -> None:
        self._set(scene, 0.0)

    def _set(self, scene: Scene, ahead_s: float) -> None:
        worker = scene.pool.workers[self._victim]
        worker.clock_ahead_s = ahead_s
        worker.signal(signal.SIGKILL)
