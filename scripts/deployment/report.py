"""The report of a deployment: for people, and as data."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.console import RenderableType

from scripts.deployment.driver import Ending, ExitCode
from scripts.deployment.record import UPDATE, Record, Step
from scripts.deployment.target import described
from scripts.tables import ReportTable

_OUTCOMES = {
    ExitCode.DONE: "deployed",
    ExitCode.ROLLED_BACK: "failed; the version before runs again, with its settings",
    ExitCode.ROLLBACK_FAILED: "failed, and the version before could not be put back",
    ExitCode.REFUSED: "refused: nothing was changed",
    ExitCode.NOT_ROLLED_BACK: "failed; what runs was left as it is",
}
_NOTHING_TO_DO = "nothing to do: this version runs already, with these settings"


def outcome(ending: Ending, *, dry_run: bool) -> str:
    """How it ended, in one line."""
    if ending.code is ExitCode.DONE and ending.record is None:
        return _NOTHING_TO_DO
    return "nothing was changed: this is the plan" if dry_run and ending.record else _OUTCOMES[ending.code]


def advice(ending: Ending) -> list[str]:
    """What the operator should do now, line by line."""
    record = ending.record
    lines: list[str] = []
    if record is None or ending.code is ExitCode.DONE:
        return lines
    if ending.code is ExitCode.ROLLBACK_FAILED:
        lines.append("run the same command again: it tries the rollback again")
    if any(one.step in (Step.WORKERS, Step.VALIDATION) for one in record.finished):
        lines += [
            "inputs that the new version refused are dead letters, intact. To list them, and to send them again:",
            f"  ./scripts/dead_letters --since {record.began}",
            f"  ./scripts/dead_letters --since {record.began} --replay",
        ]
    return lines


def as_json(ending: Ending, target: str, *, dry_run: bool) -> dict[str, Any]:
    """The report as plain data."""
    record = ending.record
    return {
        "outcome": outcome(ending, dry_run=dry_run),
        "exit_code": int(ending.code),
        "dry_run": dry_run,
        "resumed": ending.resumed,
        "target": target,
        "checks": [asdict(check) for check in ending.checks],
        "advice": advice(ending),
        **({} if record is None else _record_json(record)),
    }


def _record_json(record: Record) -> dict[str, Any]:
    return {
        "environment": record.environment,
        "began": record.began,
        "before": None if record.before is None else asdict(record.before),
        "after": asdict(record.after),
        "workers": record.workers,
        "step": record.step,
        "steps": [asdict(one) for one in record.finished],
        "log": list(record.log),
    }


def tables(ending: Ending, *, dry_run: bool) -> list[RenderableType]:
    """The report for a console."""
    shown: list[RenderableType] = []
    if ending.checks:
        shown.append(_table("Check", [(check.name, check.ok, "", check.told) for check in ending.checks]))
    if (record := ending.record) is not None:
        shown += [f"\nbefore  {described(record.before)}", f"after   {described(record.after)}\n"]
        if dry_run:
            steps = UPDATE[UPDATE.index(record.step) :] if record.step in UPDATE else (record.step,)
            shown.append(f"steps   {', '.join(steps)}, with {record.workers} workers")
        else:
            rows = [(str(one.step), one.ok, f"{one.seconds:.1f} s", one.told) for one in record.finished]
            shown.append(_table("Step", rows))
        if record.log:
            shown += ["\nthe last lines of what failed:", *(f"  {line}" for line in record.log)]
    return [*shown, f"\n{outcome(ending, dry_run=dry_run)}", *advice(ending)]


def _table(what: str, rows: Sequence[tuple[str, bool, str, str]]) -> ReportTable:
    table = ReportTable(what, "", keys=2)
    table.add_column("", justify="right")
    table.add_column("")
    for name, ok, duration, told in rows:
        table.add_row(name, "ok" if ok else "FAILED", duration, told)
    return table
