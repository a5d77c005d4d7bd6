"""A genuine Apache Kafka on this machine: `kafka up`, `kafka down`, `kafka status`, `kafka rotate`."""

import argparse
import asyncio
import logging
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from aiokafka.errors import KafkaError
from rich.console import Console

from infra.kafka.cluster import SIZES, LocalCluster
from infra.kafka.errors import ClusterMismatchError, LocalKafkaError
from schemas.access import load_roles
from scripts.cli import tell_unknown_settings
from scripts.command_settings import LocalSettings, run_directory
from scripts.commands._local_servers import state_of, steps
from scripts.processes.secure_kafka import (
    ensure_key_store,
    grant_roles,
    key_store_variables,
    renew_certificates,
    variables,
)
from streams.runtime.cluster_settings import ClusterSettings
from streams.runtime.setting_declaration import SettingsError, read
from streams.runtime.settings_document import help_text
from streams.security.sealing.key_store import KeyStoreError

_DEFAULT_PORT = 9092


def main(argv: Sequence[str] | None = None) -> int:
    """Run one action; standard output has only the line that clients need."""
    options = parser().parse_args(argv)
    # Refused connections are expected while a cluster starts.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    tell_unknown_settings("kafka")
    console = Console(stderr=True, highlight=False)
    actions = {"up": _up, "down": _down, "status": _status, "rotate": _rotate}
    try:
        return actions[options.action](options, console)
    except (KafkaError, KeyStoreError, LocalKafkaError, SettingsError) as error:
        console.print(f"kafka {options.action}: {error}", style="red", markup=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(f"kafka {options.action}: interrupted")
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="scripts/kafka",
        description=__doc__,
        epilog=f"settings, from the environment:\n{help_text(LocalSettings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument(
        "action",
        choices=("up", "down", "status", "rotate"),
        help="up: start it unless it runs, and print KAFKA_BOOTSTRAP_SERVERS=...; "
        "down: stop it and remove its data; status: exit 0 if it is up, 1 otherwise; "
        "rotate: give the brokers of a secure one another certificate, without a restart",
    )
    made.add_argument("--brokers", type=int, choices=SIZES, default=1, help="number of brokers (default: 1)")
    made.add_argument(
        "--secure",
        action="store_true",
        help="TLS and accounts, one for each role of schemas/access.yaml with that role's rights for AUDIO_TOPIC_PREFIX"
        " and AUDIO_GROUP, and nothing else allowed; up then prints what --role needs, its key store too, as lines"
        " `export NAME=value`",
    )
    made.add_argument(
        "--role", choices=tuple(load_roles()), default="worker", help="whose account, with --secure (default: worker)"
    )
    made.add_argument(
        "--port",
        type=int,
        default=_DEFAULT_PORT,
        help=f"the first broker's port; three brokers take three adjacent ones (default: {_DEFAULT_PORT})",
    )
    return made


def _directory(port: int) -> Path:
    return run_directory(os.environ) / f"kafka-{port}"


def _up(options: argparse.Namespace, console: Console) -> int:
    with steps(console, "looking for a running Kafka") as report:
        accounts = list(load_roles()) if options.secure else None
        cluster = LocalCluster(_directory(options.port), options.brokers, options.port, report, accounts=accounts)
        try:
            cluster.start()
        except ClusterMismatchError as error:
            raise LocalKafkaError(f"{error} (scripts/kafka down --port {options.port})") from error
        if options.secure:
            report("granting the roles their rights")
            ensure_key_store(cluster)
            names = read(ClusterSettings, os.environ)
            asyncio.run(grant_roles(cluster, {role: role for role in load_roles()}, names.topic_prefix, names.group))
    _announce(cluster, options.role)
    return 0


def _down(options: argparse.Namespace, console: Console) -> int:
    cluster = LocalCluster.found(_directory(options.port))
    if cluster is None:
        console.print(f"no Kafka was started on port {options.port}")
        return 0
    with console.status("stopping the brokers"):
        cluster.stop()
    console.print(f"Kafka on port {options.port} is down and its data is removed")
    return 0


def _status(options: argparse.Namespace, console: Console) -> int:
    cluster = LocalCluster.found(_directory(options.port))
    if cluster is None:
        console.print(f"no Kafka was started on port {options.port}")
        return 1
    nodes = cluster.status()
    for node in nodes:
        state = state_of(node.pid, accepts=node.accepts)
        console.print(f"broker {node.node} on port {node.port}: {state}", markup=False)
    if not all(node.accepts for node in nodes):
        return 1
    _announce(cluster, options.role)
    return 0


def _rotate(options: argparse.Namespace, console: Console) -> int:
    cluster = LocalCluster.found(_directory(options.port))
    if cluster is None:
        console.print(f"no Kafka was started on port {options.port}")
        return 1
    asyncio.run(renew_certificates(cluster))
    console.print("the brokers show another certificate from now on")
    return 0


def _announce(cluster: LocalCluster, role: str) -> None:
    if cluster.security is None:
        print(f"KAFKA_BOOTSTRAP_SERVERS={cluster.bootstrap_servers}")
        return
    for name, value in {**variables(cluster, role), **key_store_variables(cluster, load_roles()[role])}.items():
        print(f"export {name}={shlex.quote(value)}")


if __name__ == "__main__":
    sys.exit(main())
