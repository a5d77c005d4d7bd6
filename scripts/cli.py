"""Shared parts of the commands: settings for Kafka, errors as one line, progress bars."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaConnectionError, KafkaError, KafkaTimeoutError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from schemas.topics import topic
from scripts.closed_output import discard_output
from streams.clients import HotelAudioError
from streams.kafka import protocol
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_refusal import ConnectionRefusalError
from streams.kafka.denials import REMEDY, denial_of
from streams.kafka.topic_errors import TopicError
from streams.kafka.topics import TopicState, check_topics
from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.environment_check import without_effect
from streams.runtime.kafka_security import CHECK_SECURITY
from streams.runtime.setting_declaration import Setting, SettingsError, declared, read
from streams.runtime.settings_document import described
from streams.security.sealing.key_store import KeyStoreError

#: Settings that are options of commands as well. Those of security are not: everybody may read a process's arguments.
_OPTIONS = ("bootstrap_servers", "group", "topic_prefix")


class CommandError(Exception):
    """A command cannot do its work. The message is one line and says what to change."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The cluster and the topics of a command.

    Attributes:
        connection: The Kafka cluster.
        prefix: Put before every topic's name.
        group: The workers' consumer group.
        certificate: The file of the client's certificate, if it has one.
    """

    connection: KafkaConnection
    prefix: str
    group: str
    certificate: Path | None = None

    @property
    def bootstrap_servers(self) -> str:
        """Brokers as ``host:port[,host:port...]``, for messages and for other clients."""
        return self.connection.bootstrap_servers

    def topic(self, name: str) -> str:
        """Full name of a topic, from its logical name."""
        return topic(name).resolve(self.prefix, self.group)

    async def check(self, names: Collection[str] | None = None) -> list[TopicState]:
        """Check that a broker answers and that the topics are as declared.

        Returns:
            The topics.

        Raises:
            CommandError: If no broker answers within some seconds.
            TopicError: If one of the topics (logical names; None means all) is missing or different.
        """
        try:
            return await check_topics(self.connection, self.prefix, self.group, names)
        except KafkaConnectionError as error:
            raise self.unreachable(error) from error

    def unreachable(self, error: KafkaConnectionError) -> CommandError:
        """The error to raise where no broker answers, or where they refuse the connection."""
        if isinstance(error, ConnectionRefusalError):
            return CommandError(f"{error}; {CHECK_SECURITY}")
        return CommandError(
            f"no Kafka broker answers at {self.bootstrap_servers}; "
            "start one with ./scripts/kafka up, or set KAFKA_BOOTSTRAP_SERVERS"
        )


def add_cluster_options(parser: argparse.ArgumentParser) -> None:
    """Give a command the options for Kafka, with the environment's values as defaults."""
    settings = parser.add_argument_group(
        "Kafka", "its security is in the environment: KAFKA_SECURITY_PROTOCOL and so on"
    )
    for field in _OPTIONS:
        setting = declared(ClusterSettings)[field]
        settings.add_argument(
            _option(field),
            type=partial(_parsed, setting),
            default=setting.text(os.environ),
            metavar=setting.variable,
            help=f"{described(setting)} (now: %(default)r)",
        )


def add_cluster_texts(parser: argparse.ArgumentParser) -> None:
    """Give a command the same options without any check of what is given, for a command that checks it itself."""
    settings = parser.add_argument_group(
        "Kafka", "its security is in the environment: KAFKA_SECURITY_PROTOCOL and so on"
    )
    for field in _OPTIONS:
        setting = declared(ClusterSettings)[field]
        settings.add_argument(_option(field), metavar=setting.variable, help=described(setting))


def given_texts(options: argparse.Namespace) -> dict[str, str]:
    """The settings by the options of `add_cluster_texts`, as variables of the environment."""
    given = {declared(ClusterSettings)[name].variable: getattr(options, name) for name in _OPTIONS}
    return {variable: text for variable, text in given.items() if text is not None}


def cluster_of(options: argparse.Namespace) -> Cluster:
    """The cluster by the options of `add_cluster_options`, with the security that the environment asks for.

    Raises:
        SettingsError: If a setting of the security cannot be used.
    """
    given = {name: getattr(options, name) for name in _OPTIONS}
    unset = {declared(ClusterSettings)[name].variable: "" for name in given}
    settings = replace(read(ClusterSettings, {**os.environ, **unset}), **given)
    return Cluster(settings.connection, settings.topic_prefix, settings.group, settings.ssl_certfile)


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def _parsed(setting: Setting, text: str) -> object:
    try:
        return setting.kind.parse(text)
    except ValueError as error:  # the text comes from the option or from the variable
        raise argparse.ArgumentTypeError(f"{setting.variable}={text}: {error}") from None


def writable(text: str) -> Path:
    """Parse an option's file; checks that it is writable before the work begins."""
    path = Path(text)
    if path.is_dir() or not os.access(path.absolute().parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written")
    return path


def content_of(path: Path, most: int) -> bytes:
    """Read a regular file; devices and pipes, which may block forever, are refused.

    Args:
        path: The file.
        most: Largest size in bytes, without a megabyte for headers.

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
    """Parse an option's count, at least one."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def seconds(text: str) -> float:
    """Parse an option's seconds, more than zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return number


def counted(number: int, noun: str) -> str:
    """A number and its noun, such as ``1 call`` and ``2 calls``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def say(command: str, step: str) -> None:
    """Print a command's next step on standard error."""
    print(f"{command}: {step}", file=sys.stderr, flush=True)


def run(command: str, work: Coroutine[Any, Any, int], *, tell_unknown: bool = True) -> int:
    """Run a command; errors that its user can correct are one line on standard error.

    Args:
        command: Its name, put before the line.
        work: The command; its result is the exit code.
        tell_unknown: Whether variables that look like settings and are none are told before.

    Returns:
        The exit code: 1 after an error, 130 after an interrupt, 141 when its output is closed.
    """
    # The commands report errors themselves; the client library logs them at every retry.
    for chatty in ("aiokafka", "asyncio", protocol.__name__):
        logging.getLogger(chatty).setLevel(logging.CRITICAL + 1)
    try:
        if tell_unknown:
            tell_unknown_settings(command)
        return asyncio.run(work)
    except SettingsError as error:
        work.close()
        return fail(command, str(error))
    except (CommandError, HotelAudioError, KeyStoreError, TopicError, KafkaError, TimeoutError, ValueError) as error:
        return fail(command, _explained(error))
    except BrokenPipeError:
        return discard_output()
    except KeyboardInterrupt:
        return 130


def tell_unknown_settings(command: str) -> None:
    """Print one line for each variable in the environment that looks like a setting and has no effect."""
    for unknown in without_effect(os.environ):
        say(command, unknown.remark)


def _explained(error: Exception) -> str:
    match error:
        case CommandError() | HotelAudioError() | KeyStoreError() | TopicError():
            return str(error)
        case KafkaError() if denial := denial_of(error):
            return f"{denial}; {REMEDY}"
        case KafkaTimeoutError() | TimeoutError():
            return "the Kafka brokers stopped answering"
        case KafkaError():
            return f"Kafka: {error}"
        case _:  # of the client library, about a record that it cannot parse
            return f"what the brokers sent cannot be read ({type(error).__name__}: {error})"


def end_as_interrupted() -> None:
    """Treat SIGTERM and SIGHUP as Ctrl-C, so that a command stops the processes that it has started."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


def fail(command: str, message: str) -> int:
    """Print one line on standard error; returns the exit code 1."""
    print(f"{command}: {' '.join(message.split())}", file=sys.stderr)
    return 1


@contextmanager
def progress_line() -> Iterator[Callable[[str], None]]:
    """A line on standard error with what is being done, shown on terminals only; yields a function that changes it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with console.status("") as status:
        yield status.update


def progress_bar() -> Progress:
    """A progress bar on standard error, shown on terminals only; use it as a context manager.

    Printed lines appear above it if standard output is a terminal too, and are redirected otherwise.
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
