"""What the command ``erase`` does."""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from schemas import Policy, Record
from schemas.policy import MAX_HOTEL
from schemas.topics import AUDIT, KEYS, POLICY
from scripts.audit_trail.receipts import finality, made_receipt, write_receipt
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError, cluster_of, content_of, counted, say
from scripts.commands._letters import printable
from scripts.erasing.approval import approved, needs_two, write_request
from scripts.erasing.opening import key_log
from scripts.erasing.turning import turn_keys
from scripts.policies.topic import read_policies
from scripts.sealing.opening import installed_key_store
from streams.compliance.erasure import Eraser, Erasure, despite_others
from streams.compliance.erasure_scope import Scope
from streams.compliance.key_log import WriterReplacedError
from streams.security.sealing.key_store import KeyStore

_NAME = "erase"
_EXIT_HELD = 3
_LARGEST_LIST = 64 * 2**20
_RECEIPT_WAIT = 90.0  # seconds for a signed head: `audit sign --every 60` makes one each minute
_MOST_SHOWN = 10


async def erase(options: argparse.Namespace) -> int:
    """Erase calls; returns the exit code."""
    cluster = cluster_of(options)
    await cluster.check([KEYS, AUDIT, POLICY])
    scope, why = approved(options.approve, cluster) if options.approve else (_scope(options), "")
    if options.request is not None:
        return await _ask(options.request, cluster, scope)
    if needs_two(scope) and not (why or options.dry_run):
        raise CommandError("many calls need two people: add --request FILE, and let somebody else --approve FILE")
    store = installed_key_store()
    if options.dry_run or not options.yes:
        _show(await _looked(cluster, store, scope))
        if options.dry_run or not _agreed():
            say(_NAME, "nothing was erased")
            return 0 if options.dry_run else 1
    audit, done = await _erased(cluster, store, scope, why)
    if done.held:
        say(
            _NAME,
            f"{scope.hotel} has a legal hold, so nothing was erased; ./scripts/policy set --no-legal-hold ends it",
        )
        return _EXIT_HELD
    _report(done, audit)
    if options.now and done.keys:
        while (await turn_keys(cluster, store)).epoch <= done.epoch:
            say(_NAME, "that was the rest of a turn that had ended early: one more")
    if options.receipt is not None:
        receipt = await made_receipt(cluster, audit.request, wait=_RECEIPT_WAIT)
        write_receipt(options.receipt, receipt)
        print(finality(receipt))
    return 0


async def _ask(path: Path, cluster: Cluster, scope: Scope) -> int:
    async with Audit(cluster) as audit:
        request = write_request(path, cluster, scope)
        await audit.write("erasure-request", [f"hotel:{scope.hotel}", f"request:{request.id}"], "success")
    say(_NAME, f"nothing is erased yet; until {request.expires:%Y-%m-%d %H:%M} UTC somebody else can --approve {path}")
    return 0


async def _looked(cluster: Cluster, store: KeyStore, scope: Scope) -> Erasure:
    async with key_log(cluster) as log:
        return await Eraser(log, store, scope).look()


async def _erased(cluster: Cluster, store: KeyStore, scope: Scope, why: str) -> tuple[Audit, Erasure]:
    """Erase, again if another erasure or a turn has begun meanwhile."""

    async def attempt() -> tuple[Audit, Erasure]:
        audit = Audit(cluster)
        async with key_log(cluster) as log:
            policy, tell = partial(_policy, cluster, scope.hotel), partial(_told, audit, why)
            return audit, await Eraser(log, store, scope).erase(policy, tell)

    try:
        return await despite_others(attempt, lambda error: say(_NAME, f"{error}; trying again"))
    except WriterReplacedError as error:
        raise CommandError(
            "other erasures or turns of the keys came between each time, so not all is erased; run it again"
        ) from error


async def _policy(cluster: Cluster, hotel: str) -> Policy:
    return (await read_policies(cluster)).policy(hotel) or Policy(version=1)


def _told(audit: Audit, why: str, objects: Sequence[str], outcome: str, reason: str) -> list[Record]:
    return audit.records("erasure", objects, outcome, "; ".join(filter(None, (reason, why))))


def _scope(options: argparse.Namespace) -> Scope:
    if not 1 <= len(options.hotel) <= MAX_HOTEL:
        raise CommandError(f"--hotel must have 1 to {MAX_HOTEL} characters")
    if "" in (options.call, options.guest):
        raise CommandError("--call and --guest must not be empty")
    if options.guest is not None:
        return Scope(options.hotel, guest=options.guest)
    if options.before is not None:
        return Scope(options.hotel, before_ms=options.before)
    return Scope(options.hotel, frozenset([options.call]) if options.call else _listed(options.calls))


def _listed(path: Path) -> frozenset[str]:
    """The calls that a file names, one a line."""
    try:
        calls = frozenset(filter(None, content_of(path, _LARGEST_LIST).decode().splitlines()))
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not UTF-8") from None
    except CommandError as error:
        raise CommandError(f"{path}: {error}") from error
    if not calls:
        raise CommandError(f"{path} names no call")
    return calls


def _show(found: Erasure) -> None:
    shown = [printable(call) for call in sorted(found.calls)[:_MOST_SHOWN]]
    more = len(found.calls) - len(shown)
    print(f"{counted(found.keys, 'key')} of {counted(len(found.calls), 'call')} can be erased")
    for call in [*shown, *([f"and {more} more"] if more > 0 else [])]:
        print(f"  {call}")


def _report(done: Erasure, audit: Audit) -> None:
    if done.keys:
        print(f"{counted(done.keys, 'key')} of {counted(len(done.calls), 'call')} erased, request {audit.request}")
        print(f"logical now; final when epoch {done.epoch} has been destroyed by ./scripts/keys turn")
    else:
        print(f"nothing was left to erase, request {audit.request}")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("standard input is no terminal where you could agree; add --yes")
    return input("Erase it? Nothing brings it back. [y/N] ").strip().lower() in {"y", "yes"}
