"""Continuous traffic through running workers, judged step by step: what went in against what came out, and how late."""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from tests.chaos.judgement import judge
from tests.chaos.observer import Observer
from tests.chaos.oracle import Oracle
from tests.chaos.reading import Follower
from tests.chaos.records import PARTITIONS, Place, PlannedInput, SentInput
from tests.chaos.verdict import Problem
from tests.chaos.workload import calls

_PER_SECOND = 20.0
#: Seconds of traffic that are sent at once, by one producer.
_PIECE_S = 3.0
_ANSWERED_WITHIN_S = 180.0
_SETTLE_S = 2.0
_BAD_SHARE = 0.03
_SEED = 20


@dataclass(slots=True)
class Step:
    """What was done under traffic, and what came of the inputs that were sent meanwhile.

    Attributes:
        name: What was done.
        inputs: Number of inputs sent.
        longest: The longest time between sending an input and its outcome, in seconds; infinite if one has none.
        typical: The median of these times, in seconds.
        seconds: Duration of what was done.
        problems: Everything lost, doubled, reordered or damaged.
    """

    name: str
    inputs: int = 0
    longest: float = 0.0
    typical: float = 0.0
    seconds: float = 0.0
    problems: Sequence[Problem] = ()

    def __str__(self) -> str:
        verdict = "exact" if not self.problems else f"{len(self.problems)} problems"
        return (
            f"{self.name:<44} {self.seconds:6.1f} s {self.inputs:6d} inputs {verdict:>10}, "
            f"wait {self.typical:5.2f} s typical, {self.longest:5.1f} s longest"
        )


class Traffic:
    """Calls of several hotels at a constant rate.

    Args:
        servers: The brokers.
        prefix: Put before every topic's name.
        group: The workers' consumer group.
        partitions: Number of partitions of each topic.
    """

    def __init__(self, servers: str, prefix: str, group: str, partitions: int = PARTITIONS) -> None:
        self._servers = servers
        self._prefix = prefix
        self._partitions = partitions
        self._oracle = Oracle(servers, prefix, partitions)
        self._observer = Observer(servers, prefix, group, policies={}, partitions=partitions)
        self._pieces = 0

    @contextlib.asynccontextmanager
    async def during(
        self, name: str, *, per_second: float = _PER_SECOND, answered_within: float = _ANSWERED_WITHIN_S
    ) -> AsyncIterator[Step]:
        """Send while the body runs; afterwards wait for all outcomes, and judge everything since the last step.

        Args:
            name: What the body does.
            per_second: Inputs per second.
            answered_within: Seconds to wait for outcomes at the end.

        Yields:
            The step; complete after the body.
        """
        step, before = Step(name), set(self._oracle.acknowledged)
        async with Follower(self._servers, self._prefix, self._partitions) as follower:
            over = asyncio.Event()
            sending = asyncio.create_task(self._send(over, per_second))
            began = time.monotonic()
            try:
                await asyncio.sleep(_PIECE_S)  # it acts on traffic that is under way
                yield step
                step.seconds = time.monotonic() - began - _PIECE_S
            finally:
                over.set()
                await sending
            await follower.wait_for(self._oracle.awaited, answered_within)
            sent = {place: one for place, one in self._oracle.awaited.items() if place not in before}
            _measure(step, sent, follower.arrivals)
        await asyncio.sleep(_SETTLE_S)  # for duplicates
        seen, _ = await self._observer.observe(self._oracle)
        step.problems = await asyncio.to_thread(judge, seen)
        print(step)

    async def burst(self, count: int) -> None:
        """Send this number of inputs as fast as the brokers take them, within a step."""
        await self._oracle.send(self._plan(count))

    async def _send(self, over: asyncio.Event, per_second: float) -> None:
        count = round(per_second * _PIECE_S)
        while not over.is_set():
            await self._oracle.send(self._plan(count), [number / per_second for number in range(count)])

    def _plan(self, count: int) -> Sequence[PlannedInput]:
        self._pieces += 1
        return calls(count, seed=_SEED, name=self._pieces, bad_share=_BAD_SHARE)


def _measure(step: Step, sent: dict[Place, SentInput], arrivals: dict[Place, float]) -> None:
    waits = sorted(arrivals.get(place, math.inf) - one.at for place, one in sent.items())
    step.inputs, step.longest, step.typical = len(waits), waits[-1], waits[len(waits) // 2]
