"""The plan of each round; equal seeds give equal plans."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.faults import FAULTS
from tests.chaos.faults.base import Fault
from tests.chaos.records import PARTITIONS, PlannedInput
from tests.chaos.workload import calls

_INPUTS = (140, 210)
_PER_SECOND = 18.0
#: Inputs sent at once just before each fault, so that it hits work in progress.
_BURST = 16
_BURST_BEFORE_S = 0.15
#: Numbers of faults in a round, to draw from: often one, so that its recovery time is not disturbed.
_FAULTS = (1, 1, 1, 2, 2, 3)
_INJECT_S = (1.0, 5.0)


@dataclass(frozen=True)
class RoundPlan:
    """One round.

    Attributes:
        aborted: Inputs that are sent first, in a transaction that is aborted.
        inputs: Inputs that are sent then, in order.
        due: The time of each, in seconds after the round's beginning.
        faults: The faults, each with its seconds after the round's beginning.
    """

    aborted: Sequence[PlannedInput]
    inputs: Sequence[PlannedInput]
    due: Sequence[float]
    faults: Sequence[tuple[float, Fault]]


class Planner:
    """Plans rounds.

    Every fault is the first of a round once before any is so twice; the others of a round are drawn.

    Args:
        seed: Determines all plans.
        names: The faults to use.
    """

    def __init__(self, seed: int, names: Sequence[str]) -> None:
        self._seed = seed
        self._names = sorted(names)

    def plan(self, number: int) -> RoundPlan:
        """Plan a round, independently of earlier calls."""
        chance = random.Random(f"round-{self._seed}-{number}")
        names = [self._gate(number), *chance.choices(self._names, k=chance.choice(_FAULTS) - 1)]
        faults = [(chance.uniform(*_INJECT_S), FAULTS[name](random.Random(chance.random()))) for name in names]
        inputs = calls(chance.randint(*_INPUTS), seed=self._seed, name=number)
        bursts = [at - _BURST_BEFORE_S for at, _ in faults for _ in range(_BURST)]
        steady = [n / _PER_SECOND for n in range(len(inputs) - len(bursts))]
        return RoundPlan(
            aborted=calls(PARTITIONS, seed=self._seed, name=-1 - number, bad_share=0.0),
            inputs=inputs,
            due=sorted([*steady, *bursts]),
            faults=sorted(faults, key=lambda pair: pair[0]),
        )

    def _gate(self, number: int) -> str:
        lap, at = divmod(number, len(self._names))
        return random.Random(f"lap-{self._seed}-{lap}").sample(self._names, len(self._names))[at]
