"""Shows what a policy would do to recordings, beside the policy in force."""

import argparse
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from schemas import Policy
from scripts.cli import CommandError, cluster_of, counted
from scripts.commands._json import write_json
from scripts.policies.actions import drafted, rules
from scripts.policies.topic import read_policies
from scripts.recordings.compressing import CompressedFile, Source, compress, each
from scripts.recordings.finding import Failed, find, printable
from scripts.recordings.report import report_of, tell
from scripts.tables import ReportTable, report_console
from streams.compression import DEFAULT_POLICY

_NO_HOTEL = "-"  # a file's JSON has to name one, and without --hotel any would do


@dataclass(frozen=True, slots=True)
class Effect:
    """One recording under two policies.

    Attributes:
        before: Its result by the first policy.
        after: Its result by the policy that is tried.
    """

    before: CompressedFile
    after: CompressedFile


#: The names of the two policies: what is tried beside the policy in force, or this beside the default one.
_CHANGE, _PRESENT = ("present", "new"), ("default", "present")


async def check(options: argparse.Namespace) -> int:
    """Compress recordings under both policies, and compare; returns the exit code, 1 if any file failed."""
    names, (first, tried) = await _policies(options)
    found = find(options.recordings, options.suffix)

    def work(source: Source) -> Effect:
        return Effect(compress(source, first), compress(source, tried))

    outcomes = each(found.recordings, work) if found.recordings else []
    effects = [outcome for outcome in outcomes if isinstance(outcome, Effect)]
    failures = [*found.failures, *(outcome for outcome in outcomes if isinstance(outcome, Failed))]
    if options.json is not None:
        files = {"files": [_as_json(effect, names) for effect in effects]}
        write_json(options.json, report_of(files, found.left_out, failures))
    if effects and options.json != "-":
        _print(effects, names)
    code = tell("policy", found.left_out, failures)
    if not effects and not failures:
        raise CommandError(f"no audio in {', '.join(map(printable, options.recordings))}")
    return code


async def _policies(options: argparse.Namespace) -> tuple[tuple[str, str], tuple[Policy, Policy]]:
    """The two policies to compare, after their names."""
    given = options.file is not None or any(value is not None for value in rules(options).values())
    in_force = None if options.hotel is None else (await read_policies(cluster_of(options))).policy(options.hotel)
    if not given:
        return _PRESENT, (DEFAULT_POLICY, in_force or DEFAULT_POLICY)
    return _CHANGE, (in_force or DEFAULT_POLICY, drafted(options, in_force, options.hotel or _NO_HOTEL, 1))


def _print(effects: Sequence[Effect], names: tuple[str, str]) -> None:
    sizes = [sum(values) for values in zip(*map(_sizes, effects), strict=True)]
    table = ReportTable(show_footer=True)
    table.add_column("file", counted(len(effects), "file"))
    for name, size in zip(("bytes", *names), sizes, strict=True):
        table.add_column(name, f"{size:,}", justify="right")
    for name in ("level", "codec", "quality"):
        table.add_column(name)
    table.add_column("reason")
    for effect in effects:
        old, new = effect.before, effect.after
        table.add_row(
            printable(new.recording.name),
            *(f"{size:,}" for size in _sizes(effect)),
            _change(str(old.level), str(new.level)),
            _change(old.encoded.codec, new.encoded.codec),
            _change(f"{old.encoded.quality:.2f}", f"{new.encoded.quality:.2f}"),
            new.reason,
        )
    report_console().print(table)
    whole, old_size, new_size = sizes
    print(f"{names[0]} policy: {old_size:,} bytes, {whole / old_size:.2f}x smaller than the recordings")
    print(f"{names[1]} policy: {new_size:,} bytes, {whole / new_size:.2f}x smaller, {new_size / old_size - 1:+.1%}")
    reasons = Counter(effect.after.reason for effect in effects).most_common()
    print(f"reasons with the {names[1]} policy: {', '.join(f'{reason} ({count})' for reason, count in reasons)}")


def _sizes(effect: Effect) -> tuple[int, int, int]:
    return effect.after.bytes_in, len(effect.before.encoded.audio), len(effect.after.encoded.audio)


def _change(old: str, new: str) -> str:
    return new if old == new else f"{old} -> {new}"


def _as_json(effect: Effect, names: tuple[str, str]) -> dict[str, Any]:
    return {
        "path": os.fspath(effect.after.recording.path),
        "bytes": effect.after.bytes_in,
        names[0]: _result(effect.before),
        names[1]: _result(effect.after),
    }


def _result(file: CompressedFile) -> dict[str, Any]:
    return {
        "bytes": len(file.encoded.audio),
        "level": file.level,
        "codec": file.encoded.codec,
        "content_type": file.encoded.content_type,
        "quality": file.encoded.quality,
        "reason": file.reason,
    }
