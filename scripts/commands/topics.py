"""Creates or checks the topics of schemas/topics.yaml."""

import argparse
import sys
from collections.abc import Sequence

from aiokafka.errors import KafkaConnectionError

from scripts.commands._cli import Cluster, add_cluster_options, cluster_of, count, run
from streams.topics import apply_topics, update_settings


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = _parser().parse_args(argv)
    cluster = cluster_of(options)
    work = (
        _apply(cluster, options.replication, update=options.update_settings)
        if options.action == "apply"
        else _check(cluster)
    )
    return run("topics", work)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/topics", description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True, metavar="apply|check")
    apply = actions.add_parser(
        "apply",
        help="create what is missing, check the rest; safe to repeat; --update-settings after an upgrade",
    )
    apply.add_argument(
        "--replication",
        type=count,
        metavar="N",
        help="replicas of each new partition (default: 3, or as many as there are brokers)",
    )
    apply.add_argument(
        "--update-settings",
        action="store_true",
        help="first give topics of an earlier release the message.timestamp.type and compression.type that they need "
        "now; nothing else of them is changed",
    )
    check = actions.add_parser("check", help="change nothing; exit 1 if a topic is missing or different")
    for parser_of_action in (apply, check):
        add_cluster_options(parser_of_action)
    return parser


async def _apply(cluster: Cluster, replication: int | None, *, update: bool) -> int:
    where = (cluster.bootstrap_servers, cluster.prefix, cluster.group)
    try:
        changes = await update_settings(*where) if update else {}
        states = await apply_topics(*where, replication)
    except KafkaConnectionError as error:
        raise cluster.unreachable() from error
    for name, settings in changes.items():
        print(f"changed {name}: {', '.join(f'{setting}={value}' for setting, value in settings.items())}")
    for state in states:
        verb = "created" if state.created else "checked"
        print(f"{verb} {state.name}: {state.partitions} partitions, replication {state.replication}")
    return 0


async def _check(cluster: Cluster) -> int:
    await cluster.check()
    print("all topics are there and as schemas/topics.yaml says")
    return 0


if __name__ == "__main__":
    sys.exit(main())
