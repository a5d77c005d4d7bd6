"""Mirrors the topics to another region's Kafka with MirrorMaker 2: `run`, `status`, `properties`."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import replace

from aiokafka.errors import KafkaConnectionError
from rich.table import Table

from infra.kafka.errors import LocalKafkaError
from infra.regions.mirror import Mirror, command
from schemas.topics import load_topics
from scripts.cli import Cluster, add_cluster_options, cluster_of, count, fail, run, say, seconds
from scripts.command_settings import run_directory
from scripts.commands._mirroring import Behind, read_progress
from scripts.tables import report_console
from streams.kafka.addresses import parse_brokers
from streams.kafka.connection import KafkaConnection
from streams.kafka.connection_security import PLAINTEXT
from streams.runtime.setting_declaration import SettingsError

_POLL_S = 0.5
_EPILOG = """\
  run         mirrors from KAFKA_BOOTSTRAP_SERVERS to --to, in the foreground, until it is stopped; needs Java
  status      shows what has not been copied yet; exit 1 if there is anything
  properties  prints the configuration, for Kafka's own connect-mirror-maker.sh
Never mirror in both directions at once. docs/deployment/REGIONS.md says how to fail over and back.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = (line := parser()).parse_args(argv)
    try:
        cluster = cluster_of(options)
    except SettingsError as error:
        line.error(str(error))
    if same := set(cluster.bootstrap_servers.split(",")).intersection(options.to.split(",")):
        # Topics keep their names, so that each copy would be copied again, without an end.
        line.error(f"argument --to: {sorted(same)[0]} is also a broker of the cluster that is copied")
    if options.action == "status":
        return run("mirror", _status(cluster, replace(cluster.connection, bootstrap_servers=options.to), options.wait))
    mirror = Mirror(
        source=cluster.bootstrap_servers,
        target=options.to,
        topics=_topics(cluster),
        replication=options.replication,
        tasks=options.tasks,
        rest=options.rest,
    )
    if options.action == "properties":
        print(mirror.properties(), end="")
        return 0
    if cluster.connection.security.protocol != PLAINTEXT:
        return fail("mirror", "run connects in plain text only: add your accounts to what `mirror properties` prints")
    try:
        return _run(mirror)
    except (LocalKafkaError, OSError) as error:
        return fail("mirror", str(error))
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/mirror",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("action", choices=("run", "status", "properties"), help="see below")
    made.add_argument(
        "--to", type=_brokers, required=True, metavar="SERVERS", help="brokers of the region that gets the copies"
    )
    made.add_argument(
        "--replication", type=count, default=3, metavar="N", help="replicas of the mirror's own topics (default: 3)"
    )
    made.add_argument("--tasks", type=count, default=2, metavar="N", help="parallel tasks (default: %(default)s)")
    made.add_argument(
        "--rest",
        default="127.0.0.1:8083",
        metavar="HOST:PORT",
        help="where several processes of one mirror reach this one (default: %(default)s)",
    )
    made.add_argument(
        "--wait", type=seconds, default=0.0, metavar="SECONDS", help="status: wait until everything has been copied"
    )
    add_cluster_options(made)
    return made


def _brokers(text: str) -> str:
    try:
        return parse_brokers(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text}: {error}") from None


def _topics(cluster: Cluster) -> list[str]:
    """What is mirrored: everything but the caches, which the other region's workers fill themselves."""
    return [cluster.topic(spec.name) for spec in load_topics() if spec.scope == "shared"]


def _run(mirror: Mirror) -> int:
    directory = run_directory(os.environ) / f"mirror-{mirror.rest.replace(':', '-')}"
    directory.mkdir(parents=True, exist_ok=True)
    configuration = directory / "mirror.properties"
    configuration.write_text(mirror.properties(), encoding="utf-8")
    arguments = command(configuration, lambda step: say("mirror", step))
    say("mirror", f"mirroring from {mirror.source} to {mirror.target}; configuration: {configuration}")
    os.execv(arguments[0], arguments)  # noqa: S606  no shell is wanted, and signals reach it like this


async def _status(source: Cluster, target: KafkaConnection, wait: float) -> int:
    topics = _topics(source)
    deadline = time.monotonic() + wait
    while True:
        try:
            found = await read_progress(source.connection, target, topics)
        except KafkaConnectionError as error:
            raise source.unreachable(error) from error
        waiting = any(one.records for one in found)
        if not waiting or time.monotonic() >= deadline:
            break
        await asyncio.sleep(_POLL_S)
    report_console().print(_table(found))
    return 1 if waiting else 0


def _table(found: Sequence[Behind]) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("topic")
    table.add_column("not copied", justify="right")
    table.add_column("oldest", justify="right")
    now = time.time() * 1000
    for one in found:
        age = "" if one.oldest_ms is None else f"{max(0.0, now - one.oldest_ms) / 1000:.1f} s"
        table.add_row(one.topic, f"{one.records}", age)
    return table


if __name__ == "__main__":
    sys.exit(main())
