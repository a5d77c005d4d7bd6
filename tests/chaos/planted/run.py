"""Runs workers with planted bugs until the ledger reports them: ``python -m tests.chaos.planted.run [--json FILE]``."""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from tests.chaos.bench import WORKERS, ChaosBench
from tests.chaos.cluster import ProxiedCluster
from tests.chaos.planted.catalogue import BUGS, VARIABLE, PlantedBug


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


async def catch(bug: PlantedBug, cluster: ProxiedCluster, directory: Path) -> Catch:
    """Run rounds with a bug until the ledger reports it, or its rounds are over."""
    async with ChaosBench(
        directory,
        seed=bug.seed,
        faults=bug.faults,
        worker_module="tests.chaos.planted",
        worker_environment={VARIABLE: bug.name},
        cluster=cluster,
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


async def run(names: Iterable[str], directory: Path, console: Console) -> list[Catch]:
    """Try bugs one after the other, on one cluster of a single broker."""
    catches = []
    async with ProxiedCluster(directory / "kafka", 1, WORKERS, console.print) as cluster:
        for name in names:
            console.print(f"planting {name}")
            catches.append(await catch(BUGS[name], cluster, directory / name))
    return catches


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.planted.run", description=__doc__)
    parser.add_argument("bug", nargs="*", metavar="BUG", help=f"one of {', '.join(BUGS)} (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the catches there")
    options = parser.parse_args(argv)
    if unknown := set(options.bug) - set(BUGS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)  # it repeats what is broken on purpose
    console = Console()
    with tempfile.TemporaryDirectory() as directory:
        catches = asyncio.run(run(options.bug or BUGS, Path(directory), console))
    console.print(table(catches))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in catches], indent=1) + "\n")
    return 0 if all(one.caught for one in catches) else 1


if __name__ == "__main__":
    sys.exit(main())
