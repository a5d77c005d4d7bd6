"""Measures the product on this machine.

`codecs`: every level in every format, and the plain codecs. `calls`: each side of calls, quiet talkers, noise, music
within speech, lossy inputs. `analysis`: corrected labels and classified sounds.
`cache`: every eviction policy on a trace of requests, other libraries' caches, and the optimum. `stream`: a worker from
topic to topic, other programs that do the same, and the codec alone. `latency`: how long records wait for results.
`scale`: the cost of a record as deployments grow. `seams`: clicks where results of a call's segments meet. `players`:
what players and browsers make of files in every format. `sandbox`: what the decoders' confinement costs a call.
`recordings`: clock and memory of long files, and the codec alone.
`stores`: what the pool of the object stores adds to an operation, and what a failover loses.
`live`: how much long recordings delay live segments, and the worker's memory.
`transport`: what TLS and an account cost a worker.
`sealing`: what it costs to seal and open a record, to make a key and to turn it; its share of a worker's time.
`http`: how fast the HTTP API answers, and at what cost, beside the bare producer.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from infra.debian import UnavailableError
from scripts.benchmarks import analysis, corpus
from scripts.benchmarks.cache import report as cache_report
from scripts.benchmarks.cache import synthesis, traces
from scripts.benchmarks.calls_command import add_calls
from scripts.benchmarks.codecs import automatic, clip_timing, codecs, digit_survival, seams
from scripts.benchmarks.http.command import add_http
from scripts.benchmarks.latency_command import add_latency
from scripts.benchmarks.live_command import add_live
from scripts.benchmarks.players.command import add_players
from scripts.benchmarks.recordings.command import add_recordings
from scripts.benchmarks.report import Report
from scripts.benchmarks.sandbox.command import add_sandbox
from scripts.benchmarks.scale_command import add_scale
from scripts.benchmarks.sealing_command import add_sealing
from scripts.benchmarks.stores.command import add_stores
from scripts.benchmarks.stream_command import add_stream
from scripts.benchmarks.transport.command import add_transport
from scripts.cli import count, fail, progress_bar, say, writable
from scripts.tables import report_console
from streams.runtime.setting_kinds import parse_size

_LEVELS = (1, 2, 3, 4, 5)
_REQUESTS = 200_000
_JOINED = 40  # prompts, one after the other: three minutes
_TIGHT = 0.1  # share of all requested bytes: a budget at which the policies differ
_say = partial(say, "bench")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a bench; returns the exit code."""
    options = _parser().parse_args(argv)
    code: int = options.run(options)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="BENCH")
    codecs = kinds.add_parser("codecs", help="ratio, speed and quality of every level in every format")
    codecs.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    codecs.add_argument("--limit", type=count, metavar="N", help="use N of the prompts (default: all)")
    codecs.add_argument(
        "--level", type=int, choices=_LEVELS, action="append", help="only this level; may be repeated (default: all)"
    )
    codecs.set_defaults(run=_codecs)
    analysis = kinds.add_parser("analysis", help="corrected labels of raw audio; classified speech, music, tones, fax")
    analysis.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    analysis.add_argument("--limit", type=count, metavar="N", help="use N of the prompts (default: all)")
    analysis.set_defaults(run=_analysis)
    add_calls(kinds.add_parser("calls", help="quality of each side of calls and of other hard content"))
    joined = kinds.add_parser("seams", help="clicks where results of consecutive segments of a call meet")
    joined.add_argument("--json", type=writable, metavar="FILE", help="write the rows there as well")
    joined.add_argument("--limit", type=count, default=_JOINED, metavar="N", help="prompts (default: %(default)s)")
    joined.set_defaults(run=_seams)
    add_stream(kinds.add_parser("stream", help="CPU and time of a worker, of its peers, and of the codec alone"))
    add_http(kinds.add_parser("http", help="how fast the HTTP API answers, at fixed rates, beside the bare producer"))
    add_sealing(kinds.add_parser("sealing", help="what it costs to seal and open a record, and to make a key"))
    add_latency(kinds.add_parser("latency", help="how long records wait for their results, below and above capacity"))
    add_scale(kinds.add_parser("scale", help="cost of a record by partitions, calls, segments and workers"))
    add_players(
        kinds.add_parser("players", help="files in every format, opened by players, browsers and other programs")
    )
    add_sandbox(kinds.add_parser("sandbox", help="time of a call, with and without what confines the decoders"))
    add_recordings(kinds.add_parser("recordings", help="clock and memory of hour-long files, and the codec alone"))
    add_stores(kinds.add_parser("stores", help="the pool's overhead, and clips stored while an endpoint is killed"))
    add_live(kinds.add_parser("live", help="live segments beside hours of recordings, and the worker's memory"))
    add_transport(kinds.add_parser("transport", help="a worker's processor time with TLS and SCRAM, and in clear"))
    _add_cache(kinds.add_parser("cache", help="hit rate and cost of every eviction policy, and of Belady's optimum"))
    return parser


def _add_cache(cache: argparse.ArgumentParser) -> None:
    source = cache.add_mutually_exclusive_group(required=True)
    source.add_argument("--trace", type=Path, metavar="FILE", help="lines of time,key,size (seconds, text, bytes)")
    source.add_argument("--synthetic", choices=synthesis.KINDS, help="a synthetic trace of this kind")
    cache.add_argument(
        "--budget", type=_size, metavar="BYTES", help="such as 64MB (default: a tenth of the bytes of all keys)"
    )
    cache.add_argument("--requests", type=count, default=_REQUESTS, help="of a synthetic trace (default: %(default)s)")
    cache.add_argument("--seed", type=int, default=0, help="of a synthetic trace (default: %(default)s)")
    cache.add_argument("--json", type=writable, metavar="FILE", help="write the figures there as well")
    cache.set_defaults(run=_cache)


def _cache(options: argparse.Namespace) -> int:
    try:
        if options.trace is not None:
            trace = traces.read(options.trace)
        else:
            trace = synthesis.KINDS[options.synthetic](options.requests, options.seed)
    except (OSError, UnicodeDecodeError, traces.TraceError) as error:
        return fail("bench", str(error))
    budget = options.budget or max(1, int(trace.footprint * _TIGHT))
    with progress_bar() as progress:
        bar = progress.add_task("policies", total=cache_report.STEPS)
        name = str(options.trace or options.synthetic)
        report = cache_report.replay_all(name, trace, budget, lambda: progress.advance(bar))
    _write(options.json, report.as_json())
    report_console().print(
        report.table(),
        f"{trace.repeatable.mean():.1%} of the requests are for what is requested more than once. "
        "theine counts entries, not bytes.",
    )
    return 0


def _analysis(options: argparse.Namespace) -> int:
    found = _corpus(options)
    if isinstance(found, int):
        return found
    with progress_bar() as progress:
        bar = progress.add_task("analysis", total=analysis.steps(found))
        heard = analysis.measure(found, lambda: progress.advance(bar))
    _write(options.json, heard.as_json())
    report_console().print(*heard.tables(), f"{found.origin}. Labels: four raw types, each under all four labels.")
    return 0


def _seams(options: argparse.Namespace) -> int:
    found = _corpus(options)
    if isinstance(found, int):
        return found
    with progress_bar() as progress:
        bar = progress.add_task("seams", total=seams.steps())
        rows = seams.measure([clip for _, clip in found.speech], lambda: progress.advance(bar))
    _write(options.json, {"rows": [asdict(row) for row in rows]})
    report_console().print(
        seams.table(rows),
        f"The loudest 5 ms of treble in the error, within 20 ms of seams, relative to other places. Segments of "
        f"{seams.SEGMENT_SECONDS} s, each a file of its own; bytes relative to one file, headers included.",
    )
    return 0


def _codecs(options: argparse.Namespace) -> int:
    found = _corpus(options)
    if isinstance(found, int):
        return found
    report = _measure(found, options.level or _LEVELS)
    _write(options.json, report.as_json())
    _print(report)
    return 0


def _corpus(options: argparse.Namespace) -> corpus.Corpus | int:
    """The corpus, or the exit code if it cannot be fetched."""
    try:
        return corpus.load(corpus.CACHE, _say).limited(options.limit)
    except UnavailableError as error:
        return fail("bench", f"there is nothing to measure, because {error}")


def _write(file: Path | None, rows: dict[str, object]) -> None:
    if file is not None:
        file.write_text(json.dumps(rows, indent=2) + "\n")


def _measure(found: corpus.Corpus, levels: Sequence[int]) -> Report:
    work = codecs.benches(found.speech, found.music, levels)
    mixture = automatic.mixture(found.speech, found.music)
    rows: list[codecs.Row] = []
    with progress_bar() as progress:
        bar = progress.add_task("clips", total=sum(len(bench.clips) for bench in work) + len(mixture))
        for bench in work:
            progress.update(bar, description=f"{bench.content}, level {bench.level}, {bench.format}")
            rows.append(codecs.measure(bench, lambda: progress.advance(bar)))
        progress.update(bar, description="automatic choice")
        choices = automatic.compress(mixture, lambda: progress.advance(bar))
        progress.update(bar, description="DTMF, and single clips")
        return Report(found, rows, choices, digit_survival.measure(found.speech[0]), clip_timing.measure(found.speech))


def _print(report: Report) -> None:
    report_console().print(
        *report.tables(),
        f"{report.corpus.origin}. Ratio: bytes as linear 16-bit samples over bytes of the files, all clips together; "
        "of the automatic choice: inputs as sent over results. Speeds: seconds of audio in a second of one core; "
        "bare: the plain library call; share: of its speed.",
    )


def _size(text: str) -> int:
    try:
        return max(1, parse_size(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


if __name__ == "__main__":
    sys.exit(main())
