"""The oracle's verdict on a round, and on all rounds."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "lost", "duplicated", "reordered", "damaged", "transactions", "offsets", "table", "workers", "plaintext", "keys"
]

_OTHERS = ("transactions", "offsets", "table", "keys", "workers")

#: The fault whose recovery times stand for the run.
WORKER_KILL = "worker-kill"


@dataclass(frozen=True, slots=True)
class Problem:
    """One deviation from the guarantee."""

    kind: Kind
    detail: str


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was injected.

    Attributes:
        name: Name of its class.
        what: The victim and the parameters.
        at: Monotonic seconds of the injection.
        healed_at: Monotonic seconds of the repair.
        recovery_s: Seconds until every partition had a result whose input was sent after the fault; None if one of
            them never had.
        alone: Whether no other fault overlapped with it.
    """

    name: str
    what: str
    at: float
    healed_at: float
    recovery_s: float | None = None
    alone: bool = True


@dataclass(frozen=True, slots=True)
class RoundVerdict:
    """The verdict on a round.

    Attributes:
        number: Number of the round, from 0.
        inputs: Number of inputs in ``audio.raw``.
        faults: The faults, in the order of injection.
        problems: Empty when everything is exact.
        aborted: Number of outcomes in aborted transactions, which only ``read_uncommitted`` shows.
        seconds: Duration of the round.
    """

    number: int
    inputs: int
    faults: Sequence[Injected]
    problems: Sequence[Problem]
    aborted: int
    seconds: float


@dataclass
class Totals:
    """Totals of all rounds of a run."""

    rounds: int = 0
    inputs: int = 0
    aborted: int = 0
    seconds: float = 0.0
    problems: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[Injected]] = field(default_factory=lambda: defaultdict(list))

    def add(self, verdict: RoundVerdict) -> None:
        """Add a round."""
        self.rounds += 1
        self.inputs += verdict.inputs
        self.aborted += verdict.aborted
        self.seconds += verdict.seconds
        self.problems.update(problem.kind for problem in verdict.problems)
        for fault in verdict.faults:
            self.faults[fault.name].append(fault)

    @property
    def exact(self) -> bool:
        """Whether all rounds were without problems."""
        return not self.problems

    @property
    def hit(self) -> bool:
        """Whether the faults hit transactions in progress; otherwise the run shows nothing."""
        return self.aborted > 0

    def as_json(self) -> dict[str, Any]:
        """The run's figures; times in seconds. Recovery times at the top are of killed workers without other faults."""
        kills = recoveries(self.faults.get(WORKER_KILL, ()))
        return {
            "rounds": self.rounds,
            "inputs": self.inputs,
            "lost": self.problems["lost"],
            "duplicated": self.problems["duplicated"],
            "reordered": self.problems["reordered"],
            "damaged": self.problems["damaged"],
            "plaintext": self.problems["plaintext"],
            "other_problems": {kind: self.problems[kind] for kind in _OTHERS},
            "aborted_outcomes": self.aborted,
            "seconds": round(self.seconds, 1),
            "recovery_s_p50": _rounded(statistics.median(kills) if kills else None),
            "recovery_s_max": _rounded(max(kills, default=None)),
            "worker_kill_recoveries_s": [round(one, 2) for one in kills],
            "faults": {name: summary(injected) for name, injected in sorted(self.faults.items())},
        }


def summary(injected: Sequence[Injected]) -> dict[str, float | int | None]:
    """Count and recovery times (seconds) of the faults of one class; ``_combined`` includes overlapping faults."""
    alone, all_of_them = recoveries(injected), recoveries(injected, alone=False)
    return {
        "count": len(injected),
        "recovery_s_p50": _rounded(statistics.median(alone) if alone else None),
        "recovery_s_max": _rounded(max(alone, default=None)),
        "recovery_s_p50_combined": _rounded(statistics.median(all_of_them) if all_of_them else None),
        "recovery_s_max_combined": _rounded(max(all_of_them, default=None)),
    }


def recoveries(injected: Sequence[Injected], *, alone: bool = True) -> list[float]:
    """Recovery times in seconds, of faults without overlap or of all."""
    return [one.recovery_s for one in injected if one.recovery_s is not None and (one.alone or not alone)]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 2)
