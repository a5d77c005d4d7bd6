"""The sub-command `scale` of scripts/bench."""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scripts.benchmarks import corpus
from scripts.benchmarks.runs_command import add_list, one_of, run_in_directory, say_bench, watched, write_json
from scripts.benchmarks.streaming import capacity, scale, scale_report
from scripts.benchmarks.streaming.kafka import running_cluster
from scripts.benchmarks.streaming.records import Traffic
from scripts.benchmarks.streaming.speech import LEVELS, LOSSLESS, Segment, segments
from scripts.benchmarks.streaming.trial import Setup
from scripts.cli import count, fail, writable
from scripts.tables import report_console

_CARRIED = "carried"
_PARTS = (*scale.FACTORS, _CARRIED)
_AUDIO_S = 400  # of different speech; calls repeat it
_MOST_SEGMENTS = 200
_PICTURES = (".svg", ".png", ".pdf")


@dataclass(frozen=True, slots=True)
class _Selection:
    """What to measure, and how long."""

    parts: Sequence[str]
    level: str
    records: int
    seconds: int
    brokers: int


def add_scale(parser: argparse.ArgumentParser) -> None:
    """Add the options of the sub-command, and set its function."""
    parser.add_argument("--json", type=writable, metavar="FILE", help="write every row there as well")
    parser.add_argument(
        "--plot", type=_picture, metavar="FILE", help="draw them there; its name ends in .svg, .png or .pdf"
    )
    parser.add_argument(
        "--records", type=count, default=4000, metavar="N", help="in a measurement, at most (default: %(default)s)"
    )
    parser.add_argument(
        "--seconds", type=count, default=20, metavar="N", help="of live calls in a measurement (default: %(default)s)"
    )
    parser.add_argument("--level", choices=LEVELS, default=LOSSLESS, help="of the rows (default: %(default)s)")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="of Kafka (default: %(default)s)")
    add_list(parser, "--parts", one_of(_PARTS), _PARTS, "what to vary; carried: the capacity of one worker")
    parser.set_defaults(run=_scale)


def _picture(text: str) -> Path:
    """A file to draw into, checked before the work begins."""
    path = writable(text)
    if path.suffix not in _PICTURES:
        raise argparse.ArgumentTypeError(f"{text} ends in none of {', '.join(_PICTURES)}")
    return path


def _scale(options: argparse.Namespace) -> int:
    if options.plot is not None and options.parts == (_CARRIED,):
        return fail("bench", "--plot draws what is varied, and --parts varies nothing")
    wanted = _Selection(options.parts, options.level, options.records, options.seconds, options.brokers)
    return run_in_directory(partial(_measure, wanted, options.json, options.plot))


def _measure(wanted: _Selection, file: Path | None, picture: Path | None, directory: Path) -> None:
    rows: list[scale.Row] = []
    carried: capacity.WorkerCapacity | None = None
    varied = [part for part in wanted.parts if part != _CARRIED]
    carries = _CARRIED in wanted.parts
    with watched(scale.steps(varied) + capacity.STEPS * carries) as progress:
        found = corpus.load(corpus.CACHE, say_bench)
        with running_cluster(directory / "kafka", wanted.brokers, say_bench) as servers:
            setup = Setup(servers, wanted.brokers, directory, progress)
            for row in _rows(wanted, varied, setup, found):
                rows.append(row)
                say_bench(f"{row.factor} {row.value:g}, {row.pace}: {row.cpu_ms:.2f} ms of CPU per record")
                write_json(file, scale_report.as_json(rows, carried))
            if carries:
                said, clips = _said(found, scale.BASE.segment_s), _said(found, capacity.CLIP_S)
                carried = capacity.measure_capacity(setup, said, clips, most=wanted.records)
    write_json(file, scale_report.as_json(rows, carried))
    if picture is not None:
        scale_report.plot(rows, picture)
    report_console().print(
        *scale_report.tables(rows, carried),
        f"{found.origin}. Level {wanted.level}. CPU: user and system, all workers with threads and children. Open: "
        "mean number of transactions. Peak: resident memory; shared pages count for each process.",
    )


def _rows(wanted: _Selection, varied: Sequence[str], setup: Setup, found: corpus.Corpus) -> Iterator[scale.Row]:
    for factor, point in scale.points(varied):
        traffic = Traffic(_said(found, point.segment_s), wanted.level, point.calls, point.partitions)
        yield from scale.measure(setup, traffic, factor, point, most=wanted.records, seconds=wanted.seconds)


def _said(found: corpus.Corpus, seconds: float) -> Sequence[Segment]:
    return segments(found, seconds, min(_MOST_SEGMENTS, round(_AUDIO_S / seconds)))
