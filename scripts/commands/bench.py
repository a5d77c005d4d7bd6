"""Measures what this product promises, on this machine.

`codecs`: every level in every format, and the plain codecs. `cache`: every eviction policy on a trace of requests,
other libraries' caches, and the optimum.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scripts.benchmarks import cache_replay, cache_synthesis, cache_traces, corpus
from scripts.benchmarks.codecs import Row, benches, measure
from scripts.commands._cli import fail, progress_bar
from streams.settings import parse_size

_LEVELS = (1, 2, 3, 4, 5)
_REQUESTS = 200_000
_TIGHT = 0.1  # of all that is requested: a budget at which the policies differ
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
    cache = kinds.add_parser("cache", help="hit rate and cost of every eviction policy, and of Belady's optimum")
    source = cache.add_mutually_exclusive_group(required=True)
    source.add_argument("--trace", type=Path, metavar="FILE", help="lines of time,key,size (seconds, text, bytes)")
    source.add_argument("--synthetic", choices=cache_synthesis.KINDS, help="requests made up for the purpose")
    cache.add_argument(
        "--budget", type=_size, metavar="BYTES", help="such as 64MB (default: a tenth of the bytes of all keys)"
    )
    cache.add_argument("--requests", type=_count, default=_REQUESTS, help="of a synthetic trace (default: %(default)s)")
    cache.add_argument("--seed", type=int, default=0, help="of a synthetic trace (default: %(default)s)")
    cache.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    cache.set_defaults(run=_cache)
    return parser


def _codecs(options: argparse.Namespace) -> int:
    if _cannot_write(options.json):
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


def _cache(options: argparse.Namespace) -> int:
    if _cannot_write(options.json):
        return fail("bench", f"{options.json} cannot be written: its directory does not exist")
    try:
        if options.trace is not None:
            trace = cache_traces.read(options.trace)
        else:
            trace = cache_synthesis.KINDS[options.synthetic](options.requests, options.seed)
    except (OSError, UnicodeDecodeError, cache_traces.TraceError) as error:
        return fail("bench", str(error))
    budget = options.budget or max(1, int(trace.footprint * _TIGHT))
    makers = {**cache_replay.POLICIES, **cache_replay.PEERS}
    scores = {}
    with progress_bar() as progress:
        bar = progress.add_task("policies", total=len(makers))
        for name, make in makers.items():
            progress.update(bar, description=name)
            scores[name] = cache_replay.measure(trace, budget, make)
            progress.advance(bar)
    best = cache_replay.optimum(trace, budget)
    if options.json is not None:
        report = {
            "trace": str(options.trace or options.synthetic),
            "requests": len(trace),
            "keys": len(trace.sizes),
            "bytes": trace.footprint,
            "repeatable": float(trace.repeatable.mean()),
            "budget": budget,
            "policies": {name: asdict(scores[name]) for name in cache_replay.POLICIES},
            "libraries": {name: asdict(scores[name]) for name in cache_replay.PEERS},
            "belady": {name: value for name, value in asdict(best).items() if value is not None},
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    _print_cache(trace, budget, {**scores, "Belady's optimum": best})
    return 0


def _print_cache(trace: cache_traces.Trace, budget: int, scores: Mapping[str, cache_replay.Score]) -> None:
    console = Console()
    if not console.is_terminal:
        console.width = _WIDTH
    size, cached = trace.footprint / 1e6, budget / 1e6
    title = f"{len(trace)} requests, {len(trace.sizes)} keys of {size:.1f} MB, {cached:.1f} MB cached"
    table = Table(title=title)
    for name in ("policy", "hit rate", "by bytes", "repeatable, warm", "ns per request"):
        table.add_column(name, justify="left" if name == "policy" else "right")
    for name, score in scores.items():
        rates = (score.hit_rate, score.byte_hit_rate, score.warm_hit_rate)
        cost = "" if score.ns_per_op is None else f"{score.ns_per_op:.0f}"
        table.add_row(name, *(f"{rate:.2%}" for rate in rates), cost)
    console.print(table)
    console.print(
        f"{trace.repeatable.mean():.1%} of the requests are for what is requested more than once. "
        "theine counts entries, not bytes."
    )


def _cannot_write(file: Path | None) -> bool:
    return file is not None and not file.absolute().parent.is_dir()


def _size(text: str) -> int:
    try:
        return max(1, parse_size(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


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
