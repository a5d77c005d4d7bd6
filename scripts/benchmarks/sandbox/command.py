"""The sub-command `sandbox` of scripts/bench."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict

from rich.table import Table

from scripts.benchmarks.machine import environment
from scripts.benchmarks.sandbox import measure
from scripts.benchmarks.sandbox.measure import Row
from scripts.cli import count, progress_bar, writable
from scripts.tables import report_console
from streams.sandbox import protections


def add_sandbox(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    parser.add_argument("--rounds", type=count, default=200, metavar="N", help="of each file (default: %(default)s)")
    parser.add_argument("--calls", type=count, default=10, metavar="N", help="in a round (default: %(default)s)")
    parser.set_defaults(run=_sandbox)


def _sandbox(options: argparse.Namespace) -> int:
    in_force = protections()
    with progress_bar() as progress:
        bar = progress.add_task("rounds", total=measure.steps(options.rounds))
        rows = measure.measure(options.rounds, options.calls, lambda: progress.advance(bar))
    if options.json is not None:
        figures = {"protections": in_force, "rows": [asdict(row) | {"added": row.added} for row in rows]}
        options.json.write_text(json.dumps(figures | environment(("av", "soundfile", "numpy")), indent=2) + "\n")
    told = ", ".join(kind for kind, holds in in_force.items() if holds)
    report_console().print(
        _table(rows),
        f"Microseconds of a call, in the fastest round. In force: {told or 'nothing'}. Without: the child's own user "
        "and limits alone. Added: by Landlock and the filter of system calls.",
    )
    return 0


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="One call of the decoder sandbox", title_justify="left")
    for name in ("file", "bytes", "in process", "without", "confined", "added"):
        table.add_column(name, justify="left" if name == "file" else "right")
    for row in rows:
        times = (row.in_process, row.unconfined, row.confined, row.added)
        table.add_row(row.file, str(row.size), *(f"{microseconds:.0f}" for microseconds in times))
    return table
