"""Runs workers with seeded bugs until the oracle reports them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from rich.table import Table

from scripts.tables import ReportTable
from tests.chaos.bench import WORKERS, ChaosBench
from tests.chaos.cluster import ProxiedCluster
from tests.chaos.seeded_bugs.catalogue import BUGS, VARIABLE, SeededBug


@dataclass(frozen=True, slots=True)
class BugResult:
    """The result of one bug.

    Attributes:
        bug: Its name.
        caught: Whether the oracle reported one of the expected problems.
        rounds: Number of rounds.
        reported: Problems of the last round, by kind.
        example: One of them.
        faults: Faults of that round.
    """

    bug: str
    caught: bool
    rounds: int
    reported: dict[str, int]
    example: str
    faults: list[str]


async def catch(bug: SeededBug, cluster: ProxiedCluster, directory: Path) -> BugResult:
    """Run rounds with a bug until the oracle reports it, or its rounds are over."""
    async with ChaosBench(
        directory,
        seed=bug.seed,
        faults=bug.faults,
        worker_module="tests.chaos.seeded_bugs",
        worker_environment={VARIABLE: bug.name},
        cluster=cluster,
        sealing=bug.sealing,
        topic_settings=bug.topic_settings,
    ) as bench:
        for number in range(bug.rounds):
            verdict = await bench.round(number)
            expected = [problem for problem in verdict.problems if problem.kind in bug.expected_problems]
            if expected:
                break
    kinds = [problem.kind for problem in verdict.problems]
    return BugResult(
        bug=bug.name,
        caught=bool(expected),
        rounds=number + 1,
        reported={kind: kinds.count(kind) for kind in sorted(set(kinds))},
        example=expected[0].detail if expected else "",
        faults=sorted({fault.name for fault in verdict.faults}),
    )


def table(catches: Iterable[BugResult]) -> Table:
    """A table of the results."""
    shown = ReportTable("Seeded bug", "Caught in round", "As", "By")
    for one in catches:
        what = ", ".join(f"{count} {kind}" for kind, count in one.reported.items())
        shown.add_row(one.bug, str(one.rounds) if one.caught else "not caught", what, ", ".join(one.faults))
    return shown


async def run(names: Iterable[str], directory: Path, tell: Callable[[BugResult], None]) -> list[BugResult]:
    """Run bugs one after the other; those with the same number of brokers share a cluster.

    Args:
        names: Names of the bugs.
        directory: For all files.
        tell: Called with each result.
    """
    catches = []
    bugs = sorted((BUGS[name] for name in names), key=lambda bug: bug.brokers)
    for brokers, alike in groupby(bugs, key=lambda bug: bug.brokers):
        async with ProxiedCluster(directory / f"kafka-{brokers}", brokers, WORKERS, lambda _: None) as cluster:
            for bug in alike:
                catches.append(await catch(bug, cluster, directory / bug.name))
                tell(catches[-1])
    return catches
