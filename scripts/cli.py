"""What the commands share: settings for Kafka, errors as one line, progress bars."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.media_type import FLAC, MPEG, OGG, WAV
from schemas.topics import topic
from streams.clients import HotelAudioError
from streams.kafka import protocol
from streams.kafka.connection import KafkaConnection
from streams.kafka.topic_errors import TopicError
from streams.kafka.topics import TopicState, check_topics
from streams.runtime.setting_declaration import Setting, declared
from streams.runtime.settings import ClusterSettings
from streams.runtime.settings_document import described

#: What the commands read, by the end of a file's name.
AUDIO_SUFFIXES = {".wav": WAV, ".flac": FLAC, ".ogg": OGG, ".oga": OGG, ".opus": OGG, ".mp3": MPEG}

_REPORT_WIDTH = 120  # characters


class CommandError(Exception):
    """A command cannot do what it was asked to. The message is one line and says what to change."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a command finds its topics.

    Attributes:
        connection: The Kafka cluster.
        prefix: Put before every topic's name.
        group: The workers' consumer group.
    """

    connection: KafkaConnection
    prefix: str
    group: str

    @property
    def bootstrap_servers(self) -> str:
        """Brokers as ``host:port[,host:port...]``, to show and for clients other than ours."""
        return self.connection.bootstrap_servers

    def topic(self, name: str) -> str:
        """Full name of a topic, from its logical name."""
        return topic(name).resolve(self.prefix, self.group)

    async def check(self, names: Collection[str] | None = None) -> list[TopicState]:
        """Fail early and clearly where no broker answers or a topic is not as it has to be.

        Returns:
            The topics.

        Raises:
            CommandError: If no broker answers within some seconds.
            TopicError: If one of the topics (logical names; None means all) is missing or different.
        """
        try:
            return await check_topics(self.connection, self.prefix, self.group, names)
        except KafkaConnectionError as error:
            raise self.unreachable() from error

    def unreachable(self) -> CommandError:
        """The error to raise where no broker answers."""
        return CommandError(
            f"no Kafka broker answers at {self.bootstrap_servers}; "
            "start one with ./scripts/kafka up, or set KAFKA_BOOTSTRAP_SERVERS"
        )


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Give a command the options for Kafka, with the environment's values as defaults."""
    settings = parser.add_argument_group("Kafka")
    for field, setting in declared(ClusterSettings).items():
        settings.add_argument(
            f"--{field.replace('_', '-')}",
            type=partial(_parsed, setting),
            default=setting.text(os.environ),
            metavar=setting.variable,
            help=f"{described(setting)} (now: %(default)r)",
        )


def cluster_of(options: argparse.Namespace) -> Cluster:
    """What `add_cluster_options` read."""
    settings = ClusterSettings(**{name: getattr(options, name) for name in declared(ClusterSettings)})
    return Cluster(settings.connection, settings.topic_prefix, settings.group)


def _parsed(setting: Setting, text: str) -> object:
    try:
        return setting.kind.parse(text)
    except ValueError as error:  # the text comes from the option or from the variable
        raise argparse.ArgumentTypeError(f"{setting.variable}={text}: {error}") from None


def writable(text: str) -> Path:
    """An option's file, checked before the work begins, not after it."""
    path = Path(text)
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return path


def content_of(path: Path, most: int) -> bytes:
    """A file's content, looked at before it is read: a device may never end, and a pipe never begin.

    Args:
        path: The file.
        most: Bytes that it may have, without a megabyte for headers.

    Raises:
        CommandError: If it is larger, no regular file, or cannot be read; the message does not name it.
    """
    try:
        if path.exists() and not path.is_file():
            raise CommandError("is no regular file")
        if path.stat().st_size > most + 2**20:
            raise CommandError(f"is larger than the {most // 2**20} MiB that are read at a time")
        return path.read_bytes()
    except OSError as error:
        raise CommandError(error.strerror or str(error)) from error


def count(text: str) -> int:
    """An option's number of something, at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def seconds(text: str) -> float:
    """An option's seconds, more than none."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return number


def say(command: str, step: str) -> None:
    """Tell on standard error what a command is about to do."""
    print(f"{command}: {step}", file=sys.stderr, flush=True)


def report_console() -> Console:
    """Standard output for a report's tables: as wide as the terminal, or wide enough where there is none."""
    console = Console()
    if not console.is_terminal:
        console.width = _REPORT_WIDTH
    return console


def run(command: str, work: Coroutine[Any, Any, int]) -> int:
    """Run a command to its end; what its user can change is told in one line on standard error.

    Args:
        command: Its name, put before the line.
        work: The command; its result is the exit code.

    Returns:
        The exit code: 1 after an error, 130 after an interrupt, 141 when nobody reads its output any more.
    """
    # The commands report what matters themselves; the client library repeats it with every retry.
    for chatty in ("aiokafka", "asyncio", protocol.__name__):
        logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
    try:
        return asyncio.run(work)
    except (CommandError, HotelAudioError, TopicError, KafkaError, TimeoutError, ValueError) as error:
        return fail(command, _explained(error))
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes it at its end
        return 141
    except KeyboardInterrupt:
        return 130


def _explained(error: Exception) -> str:
    match error:
        case CommandError() | HotelAudioError() | TopicError():
            return str(error)
        case KafkaTimeoutError() | TimeoutError():
            return "the Kafka brokers stopped answering"
        case KafkaError():
            return f"Kafka: {error}"
        case _:  # of the client library, about a record that it cannot parse
            return f"what the brokers sent cannot be read ({type(error).__name__}: {error})"


def end_as_interrupted() -> None:
    """Let a command that is ended from outside still stop what it has started, as after Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def fail(command: str, message: str) -> int:
    """Print one line on standard error; returns the exit code 1."""
    print(f"{command}: {' '.join(message.split())}", file=sys.stderr)
    return 1


def progress_bar() -> Progress:
    """A progress bar on standard error, shown on terminals only; use it as a context manager.

    What is printed meanwhile appears above it where standard output is a terminal too; else it goes where it should.
    """
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
        transient=True,
    )
