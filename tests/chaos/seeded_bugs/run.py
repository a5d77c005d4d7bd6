"""Runs workers with planted bugs until the ledger reports them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.table import Column, Table

from tests.chaos.bench import WORKERS, ChaosBench
from tests.chaos.cluster import ProxiedCluster
from tests.chaos.seeded_bugs.catalogue import BUGS, VARIABLE, SeededBug


@dataclass(frozen=True, slots=True)
class Catch:
    """What came of one bug.

    Attributes:
        bug: Its name.
        caught: Whether it showed as what it is.
        rounds: How many it took.
        reported: Problems of the last round, by kind.
        example: One of them.
        faults: What was broken in that round.
    """

    bug: str
    caught: bool
    rounds: int
    reported: dict[str, int]
    example: str
    faults: list[str]


async def catch(bug: SeededBug, cluster: ProxiedCluster, directory: Path) -> Catch:
    """Run rounds with a bug until the ledger reports it, or its rounds are over."""
    async with ChaosBench(
        directory,
        seed=bug.seed,
        faults=bug.faults,
        worker_module="tests.chaos.seeded_bugs",
        worker_environment={VARIABLE: bug.name},
        cluster=cluster,
        topic_settings=bug.topic_settings,
    ) as bench:
        for number in range(bug.rounds):
            verdict = await bench.round(number)
            told = [problem for problem in verdict.problems if problem.kind in bug.shows_as]
            if told:
                break
    kinds = [problem.kind for problem in verdict.problems]
    return Catch(
        bug=bug.name,
        caught=bool(told),
        rounds=number + 1,
        reported={kind: kinds.count(kind) for kind in sorted(set(kinds))},
        example=told[0].detail if told else "",
        faults=sorted({fault.name for fault in verdict.faults}),
    )


def table(catches: Iterable[Catch]) -> Table:
    """The catches, for people."""
    shown = Table(Column("Planted bug", no_wrap=True), "Caught in round", "As", "By")
    for one in catches:
        what = ", ".join(f"{count} {kind}" for kind, count in one.reported.items())
        shown.add_row(one.bug, str(one.rounds) if one.caught else "not caught", what, ", ".join(one.faults))
    return shown


async def run(names: Iterable[str], directory: Path, tell: Callable[[Catch], None]) -> list[Catch]:
    """Try bugs one after the other, on one cluster for all that need as many brokers.

    Args:
        names: The bugs'.
        directory: For everything that is made.
        tell: Told of each as soon as its rounds are over.
    """
    catches = []
    bugs = sorted((BUGS[name] for name in names), key=lambda bug: bug.brokers)
    for brokers, alike in groupby(bugs, key=lambda bug: bug.brokers):
        async with ProxiedCluster(directory / f"kafka-{brokers}", brokers, WORKERS, lambda _: None) as cluster:
            for bug in alike:
                catches.append(await catch(bug, cluster, directory / bug.name))
                tell(catches[-1])
    return catches
