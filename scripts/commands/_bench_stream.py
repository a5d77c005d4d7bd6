"""The sub-command `stream` of scripts/bench."""

import argparse
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from confluent_kafka import KafkaException

from infra.kafka.errors import LocalKafkaError
from scripts.benchmarks import corpus
from scripts.benchmarks.streaming import report
from scripts.benchmarks.streaming.results import ResultsError
from scripts.benchmarks.streaming.runs import Watching
from scripts.benchmarks.streaming.speech import LEVELS
from scripts.benchmarks.streaming.stream import Run, Wanted, stream
from scripts.benchmarks.streaming.systems import CEILINGS, SYSTEMS
from scripts.commands._cli import count, end_as_interrupted, fail, progress_bar, report_console, say, writable
from scripts.demonstration.module_process import ProcessError
from scripts.demonstration.recordings import UnavailableError
from scripts.demonstration.surroundings import PROJECT
from streams.topics import TopicError

_Item = TypeVar("_Item")

_RUN_DIR = PROJECT / ".run"
_INTERRUPTED = 130  # as shells say it
_say = partial(say, "bench")


def add_stream(parser: argparse.ArgumentParser) -> None:
    """Give the sub-command its options and its work."""
    systems = (*CEILINGS, *SYSTEMS)
    parser.add_argument("--json", type=writable, metavar="FILE", help="write every run there as well")
    parser.add_argument(
        "--records", type=count, metavar="N", help="in a run (default: 20000 of 2 s, of others as much audio)"
    )
    parser.add_argument("--repetitions", type=count, default=3, metavar="N", help="of each run (default: %(default)s)")
    for option, kind, default, text in (
        ("--brokers", _one_of((1, 3)), (1, 3), "1, 3 or both"),
        ("--segments", _list_of(_seconds), (2.0, 20.0), "lengths of segments in seconds"),
        ("--levels", _one_of(tuple(LEVELS)), tuple(LEVELS), "names of levels"),
        ("--systems", _one_of(systems), systems, "what to measure"),
    ):
        shown = ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in default)
        parser.add_argument(option, type=kind, default=default, metavar="A,...", help=f"{text} (default: {shown})")
    parser.set_defaults(run=_stream)


def _stream(options: argparse.Namespace) -> int:
    wanted = Wanted(
        systems=options.systems,
        levels=options.levels,
        segments_s=options.segments,
        brokers=options.brokers,
        records=options.records,
        repetitions=options.repetitions,
    )
    end_as_interrupted()
    for chatty in ("aiokafka", "asyncio"):  # what goes wrong for good is raised
        logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
    _RUN_DIR.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=_RUN_DIR))
    try:
        return _measure(wanted, directory, options.json)
    except UnavailableError as error:
        return fail("bench", f"there is nothing to measure, because {error}")
    except (TopicError, ValueError) as error:
        return fail("bench", str(error))
    except (LocalKafkaError, ProcessError, ResultsError, KafkaException) as error:
        _say(f"{error}\nlogs are in {directory}")
        return 1
    except KeyboardInterrupt:
        _say(f"interrupted; what it had started is stopped, logs are in {directory}")
        return _INTERRUPTED


def _measure(wanted: Wanted, directory: Path, file: Path | None) -> int:
    runs: list[Run] = []
    with progress_bar() as progress:
        bar = progress.add_task("speech", total=wanted.total)
        found = corpus.load(corpus.CACHE, _say)
        watching = Watching(
            say=_say,
            begin=lambda what: progress.update(bar, description=what),
            advance=lambda records: progress.advance(bar, records),
        )
        for run in stream(wanted, found, directory, watching):
            runs.append(run)
            _say(f"{run.system}, {run.level}, {run.segment_s:g} s: {run.cpu_s:.2f} s of CPU, {run.wall_s:.2f} s")
            if file is not None:  # after each: what was measured outlives an interruption
                file.write_text(json.dumps(report.as_json(runs), indent=2) + "\n")
    console = report_console()
    for table in report.tables(runs):
        console.print(table)
    console.print(
        f"{found.origin}. CPU: user and system, all threads and children, from when all records come into sight to the "
        "last result; every file is the same for all systems. Codec share and the ratios: of the least."
    )
    shutil.rmtree(directory)
    return 0


def _list_of(item: Callable[[str], _Item]) -> Callable[[str], Sequence[_Item]]:
    def parse(text: str) -> Sequence[_Item]:
        return tuple(dict.fromkeys(item(word.strip()) for word in text.split(",")))

    return parse


def _one_of(known: Sequence[_Item]) -> Callable[[str], Sequence[_Item]]:
    by_name = {str(item): item for item in known}

    def item(text: str) -> _Item:
        if text not in by_name:
            raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(by_name)}")
        return by_name[text]

    return _list_of(item)


def _seconds(text: str) -> float:
    value = float(text)
    if not 0.02 <= value <= 60:  # noqa: PLR2004  a frame of telephony, a minute
        raise argparse.ArgumentTypeError(f"{text} is not between 0.02 and 60 seconds")
    return value
