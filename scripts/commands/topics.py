"""Creates, checks or enlarges the topics of schemas/topics.yaml."""

import argparse
import sys
from collections.abc import Sequence

from aiokafka.errors import KafkaConnectionError

from scripts.cli import Cluster, add_cluster_options, cluster_of, count, counted, run, seconds
from streams.kafka.topic_admin import wait_for_brokers
from streams.kafka.topic_settings import update_settings
from streams.kafka.topics import TopicChange, TopicState, apply_topics, planned_changes, require_equal_partitions

#: The warning before topics grow.
_WHAT_IT_MEANS = """\
Kafka cannot take partitions away again. Senders give keys to other partitions as soon as they notice, within five
minutes by default: a call that is under way then is divided between two partitions, and its outcomes may come in
another order. Do it at a quiet time. Workers take up the new partitions by themselves, within half a minute.
Consumers of the results with auto.offset.reset=latest miss what stands in a new partition before they notice it: set
earliest."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run("topics", _topics(parser().parse_args(argv)))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/topics", description=__doc__)
    actions = made.add_subparsers(dest="action", required=True, metavar="apply|check|grow")
    apply = _add_apply(actions)
    check = actions.add_parser("check", help="change nothing; exit 1 if a topic is missing or different")
    grow = actions.add_parser("grow", help="grow all copartitioned topics to --partitions N, with --yes")
    grow.add_argument("--partitions", type=count, metavar="N", required=True, help="number of partitions of each topic")
    grow.add_argument("--yes", action="store_true", help="do it; without it, only show the consequences")
    for parser_of_action in (apply, check, grow):
        add_cluster_options(parser_of_action)
    return made


def _add_apply(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    apply = actions.add_parser(
        "apply",
        help="create missing topics, check the others; safe to repeat; --update-settings after an upgrade, "
        "--partitions N for more than 8, --dry-run to see it first",
    )
    apply.add_argument(
        "--partitions",
        type=count,
        metavar="N",
        help="create all copartitioned topics with N partitions, and grow smaller ones, as `grow --yes` does; "
        "default: 8 for new topics, and existing ones stay as they are",
    )
    apply.add_argument(
        "--replication",
        type=count,
        metavar="N",
        help="replicas of each partition of a new topic (default: 3, or as many as there are brokers)",
    )
    apply.add_argument(
        "--update-settings",
        action="store_true",
        help="first set the required message.timestamp.type and compression.type on topics of an earlier release; "
        "nothing else is changed",
    )
    apply.add_argument("--dry-run", action="store_true", help="only show which topics would be created or grow")
    apply.add_argument(
        "--wait",
        type=seconds,
        metavar="SECONDS",
        help="first wait so long for brokers to answer: as many as --replication says, or one",
    )
    return apply


async def _topics(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    if options.action == "apply" and options.dry_run:
        return await _plan(cluster, options.partitions)
    if options.action == "apply":
        return await _awaited_apply(cluster, options)
    if options.action == "grow":
        return await _grow(cluster, options.partitions, confirmed=options.yes)
    return await _check(cluster)


async def _awaited_apply(cluster: Cluster, options: argparse.Namespace) -> int:
    if options.wait is not None:
        try:
            await wait_for_brokers(cluster.connection, options.replication or 1, options.wait)
        except KafkaConnectionError as error:
            raise cluster.unreachable(error) from error
    return await _apply(cluster, options.replication, options.partitions, update=options.update_settings)


async def _plan(cluster: Cluster, partitions: int | None) -> int:
    changes = await _planned(cluster, partitions)
    for change in changes:
        print(_described(change))
    print("nothing was changed" if changes else "there is nothing to change")
    return 0


async def _planned(cluster: Cluster, partitions: int | None) -> list[TopicChange]:
    try:
        return await planned_changes(cluster.connection, cluster.prefix, cluster.group, partitions)
    except KafkaConnectionError as error:
        raise cluster.unreachable(error) from error


async def _apply(
    cluster: Cluster, replication: int | None, partitions: int | None = None, *, update: bool = False
) -> int:
    setup = (cluster.connection, cluster.prefix, cluster.group)
    try:
        changes = await update_settings(*setup) if update else {}
        states = await apply_topics(*setup, replication, partitions=partitions)
    except KafkaConnectionError as error:
        raise cluster.unreachable(error) from error
    for name, settings in changes.items():
        print(f"changed {name}: {', '.join(f'{setting}={value}' for setting, value in settings.items())}")
    for state in states:
        partitions_now = counted(state.partitions, "partition")
        print(f"{_done(state)} {state.name}: {partitions_now}, replication {state.replication}")
    return 0


async def _check(cluster: Cluster) -> int:
    states = await cluster.check()
    require_equal_partitions(states)
    print(
        f"all topics are there and as schemas/topics.yaml says; {states[0].name} has {states[0].partitions} partitions"
    )
    return 0


async def _grow(cluster: Cluster, partitions: int, *, confirmed: bool) -> int:
    changes = await _planned(cluster, partitions)
    if not changes:
        print(f"every topic has {partitions} partitions already")
        return 0
    for change in changes:
        print(_described(change))
    print(_WHAT_IT_MEANS)
    if not confirmed:
        print("nothing was changed; add --yes to do it")
        return 1
    return await _apply(cluster, None, partitions)


def _described(change: TopicChange) -> str:
    if change.now is None:
        return f"{change.name}: missing, to be created with {counted(change.partitions, 'partition')}"
    return f"{change.name}: {counted(change.now, 'partition')}, to become {change.partitions}"


def _done(state: TopicState) -> str:
    """What `apply_topics` did to a topic."""
    if state.created:
        return "created"
    return "grown" if state.grown else "checked"


if __name__ == "__main__":
    sys.exit(main())
