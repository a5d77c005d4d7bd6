"""Shows and changes policies: what the command ``policy`` does on the topic."""

import argparse
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from schemas import Policy, PolicyEvent, Position
from schemas.policy import MAX_BYTES, MAX_HOTEL
from schemas.text import CONTROL
from scripts.cli import Cluster, CommandError, cluster_of, content_of, fail, say
from scripts.commands._json import write_json
from scripts.policies.draft import OPTIONS, Draft, all_rules, described, differences, from_file, from_options
from scripts.policies.topic import exclusively, read_policies
from scripts.policies.waiting import EXIT_DONE, wait_for_workers
from scripts.recordings.finding import printable
from scripts.tables import ReportTable, report_console
from streams.policies.history import Change

_EXIT_NOTHING_CHANGED = 1


async def show(options: argparse.Namespace) -> int:
    """Show the policies in force; returns the exit code."""
    history = await read_policies(cluster_of(options))
    changes = history.all_in_force()
    if options.hotel is not None:
        changes = [change for change in changes if change.hotel_id == options.hotel]
    if options.json is not None:
        write_json(options.json, [_as_json(change) for change in changes])
    if options.json == "-":
        return EXIT_DONE
    if options.hotel is None:
        _print_all(changes)
    else:
        _print_one(options.hotel, changes[0] if changes else None)
    return EXIT_DONE


def rules(options: argparse.Namespace) -> dict[str, str | bool | None]:
    """The rules that the command line gives, by their JSON properties."""
    return {name: getattr(options, name) for name in OPTIONS}


def drafted(options: argparse.Namespace, present: Policy | None, hotel: str, version: int) -> Policy:
    """The policy that the command line asks for.

    Raises:
        CommandError: If it breaks a rule; all others but the last are printed.
    """
    if options.file is None:
        draft = from_options(rules(options), present, hotel, version)
    else:
        try:
            draft = from_file(content_of(options.file, MAX_BYTES), hotel, version)
        except CommandError as error:
            raise CommandError(f"{options.file}: {error}") from error
        draft = Draft(draft.policy, tuple(f"{options.file}: {problem}" for problem in draft.problems))
    if draft.policy is None:
        for problem in draft.problems[:-1]:
            fail("policy", problem)
        raise CommandError(draft.problems[-1])
    return draft.policy


async def set_policy(options: argparse.Namespace) -> int:
    """Change a hotel's policy; returns the exit code."""
    cluster, hotel = cluster_of(options), _hotel(options.hotel)
    whole = None if options.file is None else drafted(options, None, hotel, 1)
    async with exclusively(cluster, hotel) as writer:
        history = await read_policies(cluster)
        present = history.in_force(hotel)
        before = None if present is None else present.policy
        version = history.next_version(hotel)
        policy = drafted(options, before, hotel, version) if whole is None else replace(whole, version=version)
        changed = differences(before, policy)
        if before is not None and present is not None and not changed:
            print(f"{hotel}: version {before.version} says so already; nothing was sent")
            return await wait_for_workers(cluster, options, present)
        print(f"{hotel}: {_named(before)} becomes version {policy.version}")
        for name, now, then in changed:
            print(f"  {name}: {now} -> {then}")
        if options.dry_run:
            say("policy", "nothing was sent")
            return EXIT_DONE
        position = await writer.write(PolicyEvent(hotel, policy))
    return await _confirmed(cluster, options, position)


async def remove(options: argparse.Namespace) -> int:
    """Remove a hotel's policy; returns the exit code."""
    cluster, hotel = cluster_of(options), _hotel(options.hotel)
    async with exclusively(cluster, hotel) as writer:
        history = await read_policies(cluster)
        before = history.policy(hotel)
        if before is None and not options.force:
            print(f"{hotel} has no policy")
            return EXIT_DONE
        print(f"{hotel}: {_named(before)} gives way to the default policy")
        for name, now, then in differences(before, None):
            print(f"  {name}: {now} -> {then}")
        if not options.yes and not _agreed():
            say("policy", "nothing was sent")
            return _EXIT_NOTHING_CHANGED
        position = await writer.write(PolicyEvent(hotel, None))
    return await _confirmed(cluster, options, position)


async def _confirmed(cluster: Cluster, options: argparse.Namespace, position: Position) -> int:
    """Read the topic again, say whose change has won, and wait for the workers."""
    history = await read_policies(cluster, past=position)
    # None if compaction has removed it already, which takes a later change.
    ours = next((change for change in history.changes(options.hotel) if change.position == position), None)
    now = history.in_force(options.hotel)
    if ours is not None and ours.refused is not None:
        raise CommandError(
            f"somebody else has changed the policy of {options.hotel} at the same moment and has won: {_placed(now)}; "
            "this change is refused by the workers. Run the command again to set it after all"
        )
    say("policy", f"sent, offset {position.offset} of {position.topic}")
    if ours is None or (now is not None and now.position != position):
        raise CommandError(f"somebody else has replaced this change already: {_placed(now)}")
    return await wait_for_workers(cluster, options, ours)


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise CommandError("standard input is no terminal where you could agree; add --yes")
    return input("Remove it? [y/N] ").strip().lower() in {"y", "yes"}


def _hotel(text: str) -> str:
    if not 1 <= len(text) <= MAX_HOTEL:
        raise CommandError(f"--hotel must have 1 to {MAX_HOTEL} characters")
    if CONTROL.search(text):
        raise CommandError("--hotel must not have control characters: no call's ce_hotelid can have them")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise CommandError("--hotel must be UTF-8") from None
    return text


def _named(policy: Policy | None) -> str:
    return "the default policy" if policy is None else f"version {policy.version}"


def _placed(change: Change | None) -> str:
    """A change with its time and place, for messages."""
    if change is None:
        return "there is no policy"
    what = "its removal" if change.policy is None else f"version {change.policy.version}"
    return f"{what} is in force, offset {change.position.offset}, of {_time(change.time_ms)}"


def _print_all(changes: list[Change]) -> None:
    if not changes:
        print("no hotel has a policy")
        return
    table = ReportTable("hotel")
    table.add_column("version", justify="right")
    table.add_column("since")
    table.add_column("rules")
    for change in changes:
        if change.policy is not None:
            table.add_row(
                printable(change.hotel_id), str(change.policy.version), _time(change.time_ms), described(change.policy)
            )
    report_console().print(table)


def _print_one(hotel: str, change: Change | None) -> None:
    if change is None or change.policy is None:
        print(f"{hotel} has no policy; the default one applies")
        return
    print(f"{hotel}: version {change.policy.version} since {_time(change.time_ms)}, offset {change.position.offset}")
    for name, value in all_rules(change.policy):
        print(f"  {name}: {value}")


def _as_json(change: Change) -> dict[str, Any]:
    assert change.policy is not None  # noqa: S101  only changes with a policy are shown
    return {
        "hotel": change.hotel_id,
        **change.policy.properties(),
        "since": _time(change.time_ms),
        "offset": change.position.offset,
    }


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(" ", "seconds").replace("+00:00", "Z")
