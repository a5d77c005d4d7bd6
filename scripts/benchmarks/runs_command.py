"""Shared code of those sub-commands of scripts/bench that run whole systems on a Kafka of their own."""

import argparse
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from confluent_kafka import KafkaException

from infra.debian import UnavailableError
from infra.directories import state_directory
from infra.kafka.errors import LocalKafkaError
from scripts.benchmarks.streaming.results import ResultsError
from scripts.benchmarks.streaming.runs import Progress
from scripts.cli import end_as_interrupted, fail, progress_bar, say
from scripts.processes.module_process import ProcessError
from streams.kafka.topic_errors import TopicError

_Item = TypeVar("_Item")

_RUN_DIR = state_directory()
_INTERRUPTED = 130  # the exit code of shells after SIGINT
say_bench = partial(say, "bench")
"""Write a line on standard error."""


def run_in_directory(work: Callable[[Path], None]) -> int:
    """Run a bench in a directory of its own, which is kept only after an error.

    Args:
        work: The bench; called with the directory.

    Returns:
        The exit code.
    """
    end_as_interrupted()
    for chatty in ("aiokafka", "asyncio"):  # lasting errors are raised as well
        logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
    _RUN_DIR.mkdir(exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="bench-", dir=_RUN_DIR))
    try:
        work(directory)
    except UnavailableError as error:
        return fail("bench", f"there is nothing to measure, because {error}")
    except (TopicError, ValueError) as error:
        return fail("bench", str(error))
    except (LocalKafkaError, ProcessError, ResultsError, KafkaException) as error:
        say_bench(f"{error}\nlogs are in {directory}")
        return 1
    except KeyboardInterrupt:
        say_bench(f"interrupted; all processes are stopped, logs are in {directory}")
        return _INTERRUPTED
    shutil.rmtree(directory)
    return 0


@contextmanager
def watched(steps: int) -> Iterator[Progress]:
    """Show a progress bar while a bench works.

    Args:
        steps: Until it is done.
    """
    with progress_bar() as progress:
        bar = progress.add_task("speech", total=steps)
        yield Progress(
            say=say_bench,
            begin=lambda what: progress.update(bar, description=what),
            advance=lambda more: progress.advance(bar, more),
        )


def write_json(file: Path | None, found: dict[str, object]) -> None:
    """Write the results so far: called after each step, so that an interruption loses none."""
    if file is not None:
        file.write_text(json.dumps(found, indent=2) + "\n")


def list_of(item: Callable[[str], _Item]) -> Callable[[str], Sequence[_Item]]:
    """Make the type of an option that is a comma-separated list, whose entries `item` parses."""

    def parse(text: str) -> Sequence[_Item]:
        return tuple(dict.fromkeys(item(word.strip()) for word in text.split(",")))

    return parse


def one_of(known: Sequence[_Item]) -> Callable[[str], Sequence[_Item]]:
    """Make the type of an option that is a comma-separated list of known values."""
    by_name = {str(item): item for item in known}

    def item(text: str) -> _Item:
        if text not in by_name:
            raise argparse.ArgumentTypeError(f"{text} is none of {', '.join(by_name)}")
        return by_name[text]

    return list_of(item)


def add_list(
    parser: argparse.ArgumentParser,
    option: str,
    kind: Callable[[str], Sequence[_Item]],
    default: Sequence[_Item],
    text: str,
) -> None:
    """Add an option that is a list, whose type is made by `list_of` or `one_of`."""
    shown = ",".join(f"{item:g}" if isinstance(item, float) else str(item) for item in default)
    parser.add_argument(option, type=kind, default=default, metavar="A,...", help=f"{text} (default: {shown})")
