"""Lists refused inputs with their reasons, saves their audio, and sends them again."""

import argparse
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from schemas.topics import DEAD_LETTER, RAW, RECORDINGS, REPLAYS, topic
from scripts.audit_trail.writing import Audit
from scripts.cli import Cluster, CommandError, add_cluster_options, cluster_of, count, fail, run, say
from scripts.commands._json import JSON_HELP, json_file, write_json
from scripts.commands._letter_audio import save_inputs
from scripts.commands._letters import LetterView, lines, table, view_of
from scripts.commands._replaying import Replay
from scripts.commands._times import time_option
from scripts.sealed_records import record_opener
from scripts.tables import report_console
from streams.clients.dead_letters import DeadLetterReader
from streams.clients.letters import DeadLetterFilter, LetterPosition, LetterRecord, letter_ids, replay_obstacle

_NAME = "dead_letters"
_LETTER = re.compile(r"(\d{1,9}):(\d{1,18})")
_LIMIT = 1000

_EPILOG = """\
--replay and --save take letters by name, or all that --reason, --hotel, --since and --until leave. Inputs are sent some
hundred at a time, in one Kafka transaction each: what is told as sent was sent, all else was not. What was sent again
before, here or over HTTP, is told and not sent twice. Where a choice holds
letters whose input cannot be sent, they are named and left out; of letters that are named, all or none are sent.
"""

_Tell = Callable[[LetterRecord], LetterView]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    command_line = parser()
    options = command_line.parse_args(argv)
    problem = _problem_of(options)
    if problem is not None:
        command_line.error(problem)
    return run(_NAME, _run(options))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="scripts/dead_letters", description=__doc__, epilog=_EPILOG)
    made.add_argument(
        "letters", nargs="*", type=_place, metavar="PARTITION:OFFSET", help="dead letters, by their names in the list"
    )
    made.add_argument("--last", type=count, default=20, metavar="N", help="list the last N (default: %(default)s)")
    made.add_argument(
        "--save",
        type=Path,
        metavar="DIR",
        help="save the inputs' audio as PARTITION-OFFSET.bin: their values, or the objects that they refer to",
    )
    made.add_argument(
        "--replay",
        action="store_true",
        help="send the inputs again, unchanged, each once; each gets a new outcome, after those of later segments of "
        "its call",
    )
    made.add_argument("--dry-run", action="store_true", help="with --replay: only show what would be sent")
    made.add_argument("--json", type=json_file, metavar="FILE", help=JSON_HELP)
    which = made.add_argument_group("which ones")
    which.add_argument("--reason", metavar="CODE", help="refused for this reason")
    which.add_argument("--hotel", metavar="ID", help="of this hotel")
    which.add_argument(
        "--since", type=time_option, metavar="TIME", help="refused since then: 2026-11-30T08:00 (UTC), or 2h"
    )
    which.add_argument("--until", type=time_option, metavar="TIME", help="refused before then")
    which.add_argument(
        "--limit",
        type=count,
        default=_LIMIT,
        metavar="N",
        help="save or send nothing if there are more (default: %(default)s)",
    )
    add_cluster_options(made)
    return made


def _problem_of(options: argparse.Namespace) -> str | None:
    """Report options that exclude each other."""
    acts, chosen = options.replay or options.save is not None, not _choice_of(options).everything
    if options.letters and not acts:
        return "letters are given together with --save or --replay, and only then"
    if options.letters and chosen:
        return "either name letters, or choose them by --reason, --hotel, --since and --until"
    if acts and not options.letters and not chosen:
        return "name letters, or choose them by --reason, --hotel, --since and --until"
    return "--dry-run goes with --replay" if options.dry_run and not options.replay else None


def _choice_of(options: argparse.Namespace) -> DeadLetterFilter:
    return DeadLetterFilter(options.reason, options.hotel, options.since, options.until)


async def _run(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    await cluster.check([DEAD_LETTER, RAW, RECORDINGS, *([REPLAYS] if options.replay else [])])
    async with (
        Audit(cluster) as audit,
        DeadLetterReader(cluster.connection, cluster.topic(DEAD_LETTER)) as reader,
    ):
        partitions = await reader.partitions()
        limits = {cluster.topic(name): topic(name).max_message_bytes for name in (RAW, RECORDINGS)}

        def tell(refused: LetterRecord) -> LetterView:
            return view_of(refused, replay_obstacle(refused, partitions, limits))

        if not options.replay and options.save is None:
            found = await _latest(reader, options.last, _choice_of(options), tell)
            await audit.write("dead-letters-show", letter_ids(one.place for one in found))
            _show(found, options.json, [one.data for one in found])
            return 0
        chosen = await (_named(reader, options.letters, tell) if options.letters else _chosen(reader, options, tell))
        action = "dead-letters-show" if options.save is None else "dead-letters-save"
        await audit.write(action, letter_ids(one.place for one in chosen))
        if options.save is not None:
            async with record_opener(_NAME, cluster) as opener:
                await save_inputs(reader, [one.place for one in chosen], options.save, opener)
        return await _replay(cluster, options, reader, chosen, audit) if options.replay else 0


async def _latest(reader: DeadLetterReader, most: int, choice: DeadLetterFilter, tell: _Tell) -> list[LetterView]:
    found: list[LetterView] = []
    async for refused in reader.last(most) if choice.everything else reader.all(choice.since_ms):
        if choice.matches(refused):
            found.append(tell(refused))
        if len(found) > 2 * most:
            found = sorted(found, key=_time)[-most:]
    return sorted(found, key=_time)[-most:]


def _time(one: LetterView) -> int:
    return one.refused_ms


async def _named(reader: DeadLetterReader, places: Sequence[LetterPosition], tell: _Tell) -> list[LetterView]:
    found = [tell(refused) async for refused in reader.these(places)]
    there = {one.place for one in found}
    for place in places:
        if place not in there:
            raise CommandError(f"there is no dead letter at {place}")
    return found


async def _chosen(reader: DeadLetterReader, options: argparse.Namespace, tell: _Tell) -> list[LetterView]:
    choice, found = _choice_of(options), list[LetterView]()
    async for refused in reader.all(choice.since_ms):
        if choice.matches(refused):
            found.append(tell(refused))
    if len(found) > options.limit:
        limit = f"--limit (now: {options.limit})"
        raise CommandError(f"these are {len(found)} dead letters: choose fewer, or raise {limit}")
    return sorted(found, key=lambda one: one.place)


async def _replay(
    cluster: Cluster, options: argparse.Namespace, reader: DeadLetterReader, chosen: Sequence[LetterView], audit: Audit
) -> int:
    blocked = [one for one in chosen if one.obstacle is not None]
    for one in blocked:
        (fail if options.letters else say)(_NAME, f"{one.place} cannot be sent again: {one.obstacle}")
    if blocked and options.letters:
        return 1
    wanted = [one for one in chosen if one.obstacle is None]
    if options.dry_run:
        _show(wanted, options.json, [one.data for one in chosen])
        say(_NAME, f"{len(wanted)} inputs would be sent again, {sum(one.size for one in wanted)} bytes")
        return 0
    replay = Replay([one.place for one in wanted], audit)
    try:
        await replay.run(cluster, reader)
    finally:
        if options.json is not None:
            write_json(options.json, [one.data | replay.outcome(one.place) for one in chosen])
    return 0


def _show(found: Sequence[LetterView], file: str | None, data: list[dict[str, Any]]) -> None:
    if file is not None:
        write_json(file, data)
    if file == "-":
        return
    if not found:
        print("nothing was refused")
    elif sys.stdout.isatty():
        report_console().print(table(found))
    else:
        print(*lines(found), sep="\n")


def _place(text: str) -> LetterPosition:
    match = _LETTER.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not PARTITION:OFFSET")
    return LetterPosition(int(match[1]), int(match[2]))


if __name__ == "__main__":
    sys.exit(main())
