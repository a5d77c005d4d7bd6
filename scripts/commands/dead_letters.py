"""Shows what was refused and why, saves its audio, and sends it in again."""

import argparse
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table
from rich.text import Text

from schemas import DeadLetter, Rejection
from schemas.topics import DEAD_LETTER, RAW
from scripts.commands._cli import CommandError, add_cluster_options, cluster_of, count, report_console, run
from streams.clients.dead_letters import DeadLetterReader, Refused, send_again

_NAME = "dead_letters"
_LETTER = re.compile(r"(\d{1,9}):(\d{1,18})")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = _parser()
    options = parser.parse_args(argv)
    if bool(options.letters) != (options.replay or options.save is not None):
        parser.error("letters are given together with --save or --replay, and only then")
    return run(_NAME, _run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"scripts/{_NAME}", description=__doc__)
    parser.add_argument(
        "letters", nargs="*", type=_place, metavar="PARTITION:OFFSET", help="dead letters, as the list names them"
    )
    parser.add_argument("--last", type=count, default=20, metavar="N", help="list so many (default: %(default)s)")
    parser.add_argument("--save", type=Path, metavar="DIR", help="save the inputs' values as PARTITION-OFFSET.bin")
    parser.add_argument(
        "--replay",
        action="store_true",
        help="send the inputs in again, exactly as they came; each gets an outcome of its own, behind what its call "
        "has sent since",
    )
    add_cluster_options(parser)
    return parser


def _place(text: str) -> tuple[int, int]:
    match = _LETTER.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not PARTITION:OFFSET")
    return int(match[1]), int(match[2])


async def _run(options: argparse.Namespace) -> int:
    cluster = cluster_of(options)
    await cluster.check([DEAD_LETTER, RAW])
    async with DeadLetterReader(cluster.bootstrap_servers, cluster.topic(DEAD_LETTER)) as reader:
        if not options.letters:
            _print(await reader.latest(options.last))
            return 0
        letters = {place: await _found(reader, place) for place in options.letters}
    if options.save is not None:
        _save(letters, options.save)
    if options.replay:
        _refuse_cut(letters)
        sent = await send_again(cluster.bootstrap_servers, letters.values())
        for (partition, offset), position in zip(letters, sent, strict=True):
            print(f"{partition}:{offset} is {position.topic} {position.partition}:{position.offset} now")
    return 0


async def _found(reader: DeadLetterReader, place: tuple[int, int]) -> DeadLetter:
    refused = await reader.one(*place)
    if refused is None:
        raise CommandError(f"there is no dead letter at {place[0]}:{place[1]}")
    if isinstance(refused.letter, Rejection):
        raise CommandError(f"what is at {place[0]}:{place[1]} cannot be read: {refused.letter.message}")
    return refused.letter


def _refuse_cut(letters: dict[tuple[int, int], DeadLetter]) -> None:
    for (partition, offset), letter in letters.items():
        if not letter.whole:
            reason = "its input was too large for a dead letter, which holds only the beginning"
            raise CommandError(f"{partition}:{offset} cannot be sent again: {reason}")


def _print(found: Sequence[Refused]) -> None:
    if not found:
        print("nothing was refused")
        return
    table = Table("letter", "input's time", "call", "input", "bytes", "step", "code", "reason")
    for refused in found:
        place, letter = f"{refused.partition}:{refused.offset}", refused.letter
        if isinstance(letter, Rejection):
            table.add_row(place, "", "", "", "", "", letter.code, letter.message)
            continue
        original, position, rejection = letter.original, letter.position, letter.rejection
        table.add_row(
            place,
            _shown_time(original.timestamp_ms),
            _printable((original.key or b"").decode("utf-8", "replace")),
            f"{position.partition}:{position.offset}",
            str(len(original.value or b"") if letter.cut.value_bytes is None else letter.cut.value_bytes),
            rejection.stage,
            rejection.code,
            _printable(rejection.message),
        )
    report_console().print(table)


def _printable(text: str) -> Text:
    """What came from outside, without anything that a terminal or the table would obey."""
    return Text("".join(character if character.isprintable() else "\ufffd" for character in text))


def _shown_time(milliseconds: int | None) -> str:
    if milliseconds is None:
        return ""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def _save(letters: dict[tuple[int, int], DeadLetter], directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for (partition, offset), letter in letters.items():
            path = directory / f"{partition}-{offset}.bin"
            path.write_bytes(letter.original.value or b"")
            print(path if letter.whole else f"{path}: only the beginning, the input was too large for a dead letter")
    except OSError as error:
        raise CommandError(f"{directory}: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())
