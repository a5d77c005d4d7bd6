"""Measures what this product promises, on this machine. `codecs`: every level in every format, and the plain codecs."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.benchmarks import corpus
from scripts.benchmarks.codecs import Row, benches, measure
from scripts.commands._cli import fail, progress_bar

_LEVELS = (1, 2, 3, 4, 5)
_WIDTH = 120  # characters, where no terminal sets it


def main(argv: Sequence[str] | None = None) -> int:
    """Run a bench; returns the exit code."""
    options = _parser().parse_args(argv)
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="BENCH")
    codecs = kinds.add_parser("codecs", help="ratio, speed and quality of every level in every format")
    codecs.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    codecs.add_argument("--limit", type=_count, metavar="N", help="use N of the prompts (default: all)")
    codecs.add_argument(
        "--level", type=int, choices=_LEVELS, action="append", help="only this level; may be repeated (default: all)"
    )
    codecs.set_defaults(run=_codecs)
    return parser


def _codecs(options: argparse.Namespace) -> int:
    if options.json is not None and not options.json.absolute().parent.is_dir():
        return fail("bench", f"{options.json} cannot be written: its directory does not exist")
    found = corpus.load(corpus.CACHE, _say).limited(options.limit)
    work = benches(found.speech, found.music, options.level or _LEVELS)
    rows: list[Row] = []
    with progress_bar() as progress:
        bar = progress.add_task("clips", total=sum(len(bench.clips) for bench in work))
        for bench in work:
            progress.update(bar, description=f"level {bench.level}, {bench.format}")
            rows.append(measure(bench, lambda: progress.advance(bar)))
    if options.json is not None:
        options.json.write_text(json.dumps(_as_json(found, rows), indent=2) + "\n")
    _print(found, rows)
    return 0


def _as_json(found: corpus.Corpus, rows: Sequence[Row]) -> dict[str, object]:
    """Speech under ``rows``; the same through G.711, with pauses, and music beside it, in the same form."""
    grouped = {"rows": "speech", "g711": "G.711", "pauses": "pauses", "music": "music"}
    return {
        "corpus": found.origin,
        "prompts": len(found.speech),
        **{key: [asdict(row) for row in rows if row.content == content] for key, content in grouped.items()},
    }


def _print(found: corpus.Corpus, rows: Sequence[Row]) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    table = Table(title=f"{len(found.speech)} prompts, {len(found.music)} pieces of music")
    for name in ("content", "level", "format", "ratio", "x real time", "bare", "PESQ", "p10", "predicted", "error"):
        table.add_column(name, justify="left" if name in {"content", "format"} else "right")
    for row in rows:
        table.add_row(
            row.content,
            str(row.level),
            row.format,
            f"{row.ratio:.2f}",
            f"{row.speed:.0f}",
            f"{row.bare_speed:.0f}",
            *map(_score, (row.pesq_mean, row.pesq_p10, row.predicted_mean, row.prediction_error)),
        )
    console.print(table)
    console.print(f"{found.origin}. Speeds: seconds of audio in a second of one core; bare: the plain library call.")


def _score(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _say(step: str) -> None:
    print(f"bench: {step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
