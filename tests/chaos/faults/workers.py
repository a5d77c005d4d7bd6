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
from tests.chaos.log_pipe import LogPipe
from tests.chaos.scene import Scene
from tests.chaos.workload import burst

_READY_WITHIN_S = 30.0
#: Above the longest session timeout of the group that is worth testing.
_BEYOND_SESSION_S = (11.0, 14.0)
_PAUSE_S = (0.5, 3.0)
_STALL_S = (6.0, 12.0)
#: Inputs of which a third is bad: each such is a line, more together than a small pipe holds.
_LINES = 96
_LOOK_S = 0.5
#: Questions without an answer, each of which waits for some seconds, that are no coincidence.
_FEWEST = 2
#: Seconds, and by how many the clock is ahead then: a day, an hour, and what looks like a little load.
_WRONG_S = (5.0, 9.0)
_AHEAD_S = (-86_400.0, -3_600.0, -10.0, 10.0, 3_600.0, 86_400.0)


class WorkerKill(Fault):
    """A worker is killed with SIGKILL, and started again at once."""

    name = "worker-kill"
    _signal: ClassVar[signal.Signals] = signal.SIGKILL

    async def inject(self, scene: Scene) -> None:
        worker = scene.pool.workers[self._one_of(scene.pool.on_duty)]
        self.what = worker.name
        worker.signal(self._signal)


class AllWorkersKill(Fault):
    """All workers are killed at once."""

    name = "all-workers-kill"

    async def inject(self, scene: Scene) -> None:
        self.what = "all"
        for number in scene.pool.on_duty:
            scene.pool.workers[number].signal(signal.SIGKILL)


class WorkerPause(Fault):
    """A worker is frozen for less than its session: it comes back as if nothing had been."""

    name = "worker-pause"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_PAUSE_S)
        self._victim = -1

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.pool.on_duty)
        self.what = f"{scene.pool.workers[self._victim].name} for {self.lasts:.1f} s"
        scene.pool.workers[self._victim].signal(signal.SIGSTOP)

    async def heal(self, scene: Scene) -> None:
        scene.pool.workers[self._victim].signal(signal.SIGCONT)


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
            self.what += await self._aim.freeze(scene, [scene.pool.workers[self._victim]])
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
        for number in scene.pool.on_duty:
            worker = scene.pool.workers[number]
            starts, until = worker.starts, time.monotonic() + _READY_WITHIN_S
            worker.signal(signal.SIGTERM)
            while worker.starts == starts and number in scene.pool.on_duty and time.monotonic() < until:
                await asyncio.sleep(0.1)
            await scene.pool.all_ready(_READY_WITHIN_S)


class Rebalances(Fault):
    """Workers come and go faster than the group settles."""

    name = "rebalances"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._pauses = [chance.uniform(0.2, 2.0) for _ in range(chance.randint(2, 4))]

    async def inject(self, scene: Scene) -> None:
        self.what = f"{len(self._pauses)} in a row"
        for pause in self._pauses:
            if scene.pool.off_duty:
                scene.pool.call_up(scene.pool.off_duty[0])
            else:
                scene.pool.send_home(self._one_of(scene.pool.on_duty))
            await asyncio.sleep(pause)


class RebalanceInRecovery(Rebalances):
    """Workers come and go while the group still has to get over a killed one."""

    name = "rebalances-in-recovery"

    async def inject(self, scene: Scene) -> None:
        scene.pool.workers[self._one_of(scene.pool.on_duty)].signal(signal.SIGKILL)
        await super().inject(scene)


class DecoderKill(Fault):
    """The processes that open files for a worker die, as the kernel kills them when memory is short."""

    name = "decoder-kill"

    async def inject(self, scene: Scene) -> None:
        worker = scene.pool.workers[self._one_of(scene.pool.on_duty)]
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
        worker = scene.pool.workers[self._one_of(scene.pool.on_duty)]
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
    """Nobody reads a worker's log for some seconds, and it fills its pipe: the worker goes on, and answers."""

    name = "stalled-pipe"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self._stall_s = chance.uniform(*_STALL_S)
        self._inputs = burst(_LINES, chance)
        self._pipe: LogPipe | None = None

    async def inject(self, scene: Scene) -> None:
        worker = scene.pool.workers[self._one_of(scene.pool.on_duty)]
        self.what = f"{worker.name} for {self._stall_s:.1f} s"
        self._pipe = worker.log_pipe
        if self._pipe is not None:
            self._pipe.hold_up()
        starts, until, asked, answered = worker.starts, time.monotonic() + self._stall_s, 0, 0
        await scene.oracle.send(self._inputs)
        while time.monotonic() < until:
            await asyncio.sleep(_LOOK_S)
            if worker.starts == starts and worker.runs:
                status, _ = await asyncio.to_thread(worker.get, "/health/live")
                asked, answered = asked + 1, answered + (status != 0)
        if asked >= _FEWEST and not answered and worker.starts == starts:
            self.complaints.append(f"{worker.name} answers nothing while nobody reads its log")

    async def heal(self, scene: Scene) -> None:
        if self._pipe is not None:
            self._pipe.read_on()


class WrongClock(Fault):
    """A worker is killed, and comes back with its clock wrong, for some seconds."""

    name = "wrong-clocks"

    def __init__(self, chance: Random) -> None:
        super().__init__(chance)
        self.lasts = chance.uniform(*_WRONG_S)
        self._ahead_s = chance.choice(_AHEAD_S)
        self._victim = -1

    async def inject(self, scene: Scene) -> None:
        self._victim = self._one_of(scene.pool.on_duty)
        self.what = f"{scene.pool.workers[self._victim].name} {self._ahead_s:+.0f} s for {self.lasts:.1f} s"
        self._set(scene, self._ahead_s)

    async def heal(self, scene: Scene) -> None:
        self._set(scene, 0.0)

    def _set(self, scene: Scene, ahead_s: float) -> None:
        worker = scene.pool.workers[self._victim]
        worker.clock_ahead_s = ahead_s
        worker.signal(signal.SIGKILL)
