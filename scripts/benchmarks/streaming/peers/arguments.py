"""The command line of every peer, and its stop signal."""

import argparse
import os
import signal
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: As many threads as in the worker's pool: one for each core that it may use.
THREADS = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Arguments:
    """The brokers, topics and directory of a peer.

    Attributes:
        bootstrap_servers: Brokers as ``host:port[,host:port...]``.
        group: Its consumer group.
        source: Full name of the topic to read.
        target: Full name of the topic to write.
        state: Directory for its state.
    """

    bootstrap_servers: str
    group: str
    source: str
    target: str
    state: Path

    def as_arguments(self) -> list[str]:
        """The command line that `parser` reads."""
        return [self.bootstrap_servers, self.group, self.source, self.target, str(self.state)]


def parser(description: str | None) -> argparse.ArgumentParser:
    """A parser for these arguments; a peer may add options."""
    made = argparse.ArgumentParser(description=description)
    for name in ("bootstrap_servers", "group", "source", "target"):
        made.add_argument(name)
    made.add_argument("state", type=Path)
    return made


def arguments(options: argparse.Namespace) -> Arguments:
    """The arguments that a parser has read."""
    return Arguments(options.bootstrap_servers, options.group, options.source, options.target, options.state)


def parse(description: str | None, argv: Sequence[str] | None) -> Arguments:
    """Read a command line without options."""
    return arguments(parser(description).parse_args(argv))


def stop_signal() -> threading.Event:
    """An event that SIGTERM sets."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    return stop
