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
        present: Its result by the policy in force.
        new: Its result by the other one.
    """

    present: CompressedFile
    new: CompressedFile


async def check(options: argparse.Namespace) -> int:
    """Compress recordings under both policies, and compare; returns the exit code, 1 if any file failed."""
    present, new = await _policies(options)
    found = find(options.recordings, options.suffix)

    def work(source: Source) -> Effect:
        return Effect(compress(source, present), compress(source, new))

    outcomes = each(found.recordings, work) if found.recordings else []
    effects = [outcome for outcome in outcomes if isinstance(outcome, Effect)]
    failures = [*found.failures, *(outcome for outcome in outcomes if isinstance(outcome, Failed))]
    if options.json is not None:
        files = {"files": [_as_json(effect) for effect in effects]}
        write_json(options.json, report_of(files, found.left_out, failures))
    if effects and options.json != "-":
        _print(effects)
    code = tell("policy", found.left_out, failures)
    if not effects and not failures:
        raise CommandError(f"no audio in {', '.join(map(printable, options.recordings))}")
    return code


async def _policies(options: argparse.Namespace) -> tuple[Policy, Policy]:
    """The policy in force, and the one to compare it with."""
    given = options.file is not None or any(value is not None for value in rules(options).values())
    in_force = None if options.hotel is None else (await read_policies(cluster_of(options))).policy(options.hotel)
    if not given:
        return DEFAULT_POLICY, in_force or DEFAULT_POLICY
    return in_force or DEFAULT_POLICY, drafted(options, in_force, options.hotel or _NO_HOTEL, 1)


def _print(effects: Sequence[Effect]) -> None:
    sizes = [sum(values) for values in zip(*map(_sizes, effects), strict=True)]
    table = ReportTable(show_footer=True)
    table.add_column("file", counted(len(effects), "file"))
    for name, size in zip(("bytes", "present", "new"), sizes, strict=True):
        table.add_column(name, f"{size:,}", justify="right")
    for name in ("level", "codec", "quality"):
        table.add_column(name)
    table.add_column("reason")
    for effect in effects:
        old, new = effect.present, effect.new
        table.add_row(
            printable(new.recording.name),
            *(f"{size:,}" for size in _sizes(effect)),
            _change(str(old.level), str(new.level)),
            _change(old.encoded.codec, new.encoded.codec),
            _change(f"{old.encoded.quality:.2f}", f"{new.encoded.quality:.2f}"),
            new.reason,
        )
    report_console().print(table)
    before, present, new = sizes
    print(f"present policy: {present:,} bytes, {before / present:.2f}x smaller than the recordings")
    print(f"new policy: {new:,} bytes, {before / new:.2f}x smaller, {new / present - 1:+.1%}")
    reasons = Counter(effect.new.reason for effect in effects).most_common()
    print(f"reasons with the new policy: {', '.join(f'{reason} ({count})' for reason, count in reasons)}")


def _sizes(effect: Effect) -> tuple[int, int, int]:
    return effect.new.bytes_in, len(effect.present.encoded.audio), len(effect.new.encoded.audio)


def _change(old: str, new: str) -> str:
    return new if old == new else f"{old} -> {new}"


def _as_json(effect: Effect) -> dict[str, Any]:
    return {
        "path": os.fspath(effect.new.recording.path),
        "bytes": effect.new.bytes_in,
        "present": _result(effect.present),
        "new": _result(effect.new),
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
