"""Grants the roles of schemas/access.yaml their rights at the brokers, or compares.

Needs an account that may change access: the role admin, or a super user.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from aiokafka.errors import KafkaConnectionError

from schemas.access import Grant, granted, load_roles
from schemas.topics import AUDIT
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError, add_cluster_options, cluster_of, counted, run, say
from streams.kafka.access import grant, grants_of, revoke
from streams.kafka.topic_errors import TopicMissingError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run("access", _access(parser().parse_args(argv)))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/access", description=__doc__)
    actions = made.add_subparsers(dest="action", required=True, metavar="apply|check")
    apply = actions.add_parser("apply", help="grant what is missing; safe to repeat")
    apply.add_argument(
        "--revoke-others", action="store_true", help="also take from these accounts what their roles do not have"
    )
    check = actions.add_parser("check", help="change nothing; exit 1 if an account may do less or more than its role")
    for parser_of_action in (apply, check):
        parser_of_action.add_argument(
            "roles",
            nargs="*",
            type=_account_and_role,
            default=[(role, role) for role in load_roles()],
            metavar="ROLE[=ACCOUNT]",
            help="a role, and the account that has it (default: every role, each for the account of the same name); "
            + "; ".join(f"{role.name}: {role.description}" for role in load_roles().values()),
        )
        add_cluster_options(parser_of_action)
    return made


async def _access(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    try:
        wanted = granted(options.roles, cluster.prefix, cluster.group)
    except ValueError as error:
        raise CommandError(str(error)) from None
    try:
        found = set(await grants_of(cluster.connection, {account for _, account in options.roles}))
        missing, others = sorted(wanted - found), sorted(found - wanted)
        if options.action == "check":
            return _compared(missing, others, len(wanted))
        await _change(cluster, missing, others if options.revoke_others else [])
    except KafkaConnectionError as error:
        raise cluster.unreachable(error) from error
    _show("granted", missing)
    _show("revoked" if options.revoke_others else "left, though no role has it", others)
    print(f"{counted(len(options.roles), 'account')} with {counted(len(wanted), 'right')}")
    return 0


async def _change(cluster: Cluster, missing: Sequence[Grant], others: Sequence[Grant]) -> None:
    """Grant and revoke, and tell the audit before and afterwards."""
    if not missing and not others:
        return
    async with AsyncExitStack() as stack:
        try:
            audit = await stack.enter_async_context(Audit(cluster))
        except TopicMissingError:  # so it is before an installation has its topics, and then it has no calls either
            audit = None
            say("access", f"there is no topic {cluster.topic(AUDIT)} yet: this is in no audit")
        await _tell(audit, missing, others, "unknown")
        await grant(cluster.connection, missing)
        await revoke(cluster.connection, others)
        await _tell(audit, missing, others, "success")


async def _tell(audit: Audit | None, missing: Sequence[Grant], others: Sequence[Grant], outcome: str) -> None:
    for action, grants in (("access-grant", missing), ("access-revoke", others)):
        if grants and audit is not None:
            await audit.write(action, [f"right:{one}" for one in grants], outcome)


def _compared(missing: Sequence[Grant], others: Sequence[Grant], wanted: int) -> int:
    _show("missing", missing)
    _show("too much", others)
    if missing or others:
        print("./scripts/access apply --revoke-others makes it as declared")
        return 1
    print(f"all {counted(wanted, 'right')} are there, and no others")
    return 0


def _show(verb: str, grants: Sequence[Grant]) -> None:
    for one in grants:
        print(f"{verb}: {one}")


def _account_and_role(text: str) -> tuple[str, str]:
    role, given, account = text.partition("=")
    if role not in load_roles():
        raise argparse.ArgumentTypeError(f"{role} is none of the roles {', '.join(load_roles())}")
    if not given:
        return role, role
    if account in {"", "*"} or account.startswith("User:") or account != account.strip() or not account.isprintable():
        raise argparse.ArgumentTypeError(f"{account!r} is no account's name; write it without User:, and * is nobody")
    return role, account


if __name__ == "__main__":
    sys.exit(main())
