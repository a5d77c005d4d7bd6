"""The sub-command `players` of scripts/bench."""

import argparse
import json

from scripts.benchmarks.players import report
from scripts.benchmarks.players.samples import samples
from scripts.cli import progress_bar, writable
from scripts.tables import report_console


def add_players(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write every row there as well")
    parser.add_argument(
        "--program", choices=report.NAMES, action="append", help="only this program; may be repeated (default: all)"
    )
    parser.set_defaults(run=_players)


def _players(options: argparse.Namespace) -> int:
    names = options.program or report.NAMES
    with progress_bar() as progress:
        bar = progress.add_task("files", total=None)
        made = samples()
        progress.update(bar, total=report.steps(made, names))
        rows = report.measure(made, names, lambda: progress.advance(bar))
    if options.json is not None:
        options.json.write_text(json.dumps(report.as_json(rows), indent=2) + "\n")
    report_console().print(report.table(rows), *report.lines(rows), sep="\n", markup=False)
    return 1 if any(row.faults for row in rows) else 0
