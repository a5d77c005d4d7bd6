"""The sub-command `calls` of scripts/bench."""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial

from rich.table import Table

from infra.debian import UnavailableError
from scripts.benchmarks import corpus
from scripts.benchmarks.codecs import call_quality
from scripts.benchmarks.codecs.call_quality import LEVELS, Row
from scripts.cli import count, fail, progress_bar, say, writable
from scripts.tables import report_console

_say = partial(say, "bench")


def add_calls(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    parser.add_argument(
        "--limit", type=count, default=6, metavar="N", help="calls of 20 seconds of each kind (default: %(default)s)"
    )
    parser.add_argument(
        "--level", type=int, choices=LEVELS, action="append", help="only this level; may be repeated (default: all)"
    )
    parser.set_defaults(run=_calls)


def _calls(options: argparse.Namespace) -> int:
    try:
        found = corpus.load(corpus.CACHE, _say)
    except UnavailableError as error:
        return fail("bench", f"there is nothing to measure, because {error}")
    given = call_quality.cases(found, options.limit, options.level or LEVELS)
    with progress_bar() as progress:
        bar = progress.add_task("calls", total=len(given))
        rows = call_quality.measure(given, lambda: progress.advance(bar))
    if options.json is not None:
        measured = {"corpus": found.origin, "calls": options.limit, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(measured, indent=2) + "\n")
    report_console().print(
        _table(rows, options.limit),
        f"{found.origin}. PESQ-NB of each side against what was said, also for lossy inputs; worse: mean of the worse "
        "side of each call, which is what is predicted (ce_quality). Ratio: bytes as linear 16-bit samples over bytes "
        "of the results.",
    )
    return 0


def _table(rows: Sequence[Row], calls: int) -> Table:
    table = Table(title=f"{calls} calls of each kind", title_justify="left")
    for name in ("content", "level", "codec", "PESQ", "p10", "worse", "predicted", "ratio"):
        table.add_column(name, justify="left" if name in {"content", "codec"} else "right")
    for row in rows:
        scores = (row.pesq_mean, row.pesq_p10, row.worse_mean, row.predicted_mean)
        table.add_row(
            row.content, str(row.level), row.codecs, *(f"{score:.2f}" for score in scores), f"{row.ratio:.1f}"
        )
    return table
