"""Runs workers with seeded bugs, one after the other, and shows which problems the oracle reports for each.

The bugs are of kinds that systems like this one have had. Exit code 0 if all are caught within their rounds, 1
otherwise.
"""

import argparse
import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from infra.kafka.errors import LocalKafkaError
from scripts.cli import end_as_interrupted, fail, progress_bar, writable
from scripts.tables import report_console
from tests.chaos.errors import ChaosError
from tests.chaos.seeded_bugs import run as seeding
from tests.chaos.seeded_bugs.catalogue import BUGS


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/seeded_bugs", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bug", nargs="*", metavar="BUG", help=f"one of {', '.join(BUGS)} (default: all)")
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the results there")
    options = parser.parse_args(argv)
    if unknown := set(options.bug) - set(BUGS):
        parser.error(f"unknown bug {', '.join(sorted(unknown))}")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL + 1)  # it logs every retry, and faults cause many
    end_as_interrupted()
    try:
        catches = _run_bugs(options.bug or list(BUGS))
    except (ChaosError, LocalKafkaError) as error:
        return fail("seeded_bugs", str(error))
    except KeyboardInterrupt:
        return 130
    report_console().print(seeding.table(catches))
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in catches], indent=1) + "\n")
    missed = [one.bug for one in catches if not one.caught]
    return fail("seeded_bugs", f"not caught: {', '.join(missed)}") if missed else 0


def _run_bugs(bugs: Sequence[str]) -> list[seeding.BugResult]:
    with tempfile.TemporaryDirectory() as directory, progress_bar() as progress:
        bar = progress.add_task("bugs", total=len(bugs))

        def tell(one: seeding.BugResult) -> None:
            progress.advance(bar)
            verdict = f"caught in round {one.rounds}" if one.caught else f"not caught in {one.rounds} rounds"
            progress.console.print(f"{one.bug}: {verdict}", highlight=False)

        return asyncio.run(seeding.run(bugs, Path(directory), tell))


if __name__ == "__main__":
    sys.exit(main())
