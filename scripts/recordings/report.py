"""What commands say about many recordings: what was left out, what failed, and the report as JSON."""

import os
from collections.abc import Iterable, Mapping
from typing import Any

from scripts.cli import fail, say
from scripts.recordings.finding import Failed, LeftOut, printable, summary


def tell(command: str, left_out: Iterable[LeftOut], failures: Iterable[Failed]) -> int:
    """Print on standard error what was left out and what failed, by path; returns the exit code, 1 for a failure."""
    for line in summary(left_out):
        say(command, line)
    code = 0
    for failure in failures:
        code = fail(command, f"{printable(failure.path)}: {failure.problem}")
    return code


def report_of(results: Mapping[str, Any], left_out: Iterable[LeftOut], failures: Iterable[Failed]) -> dict[str, Any]:
    """The report of a command as plain data for JSON. Paths that are not UTF-8 have Python's surrogate escapes.

    Args:
        results: What the command has done.
        left_out: What was left out.
        failures: What could not be read or done.
    """
    return {
        **results,
        "failed": [{"path": os.fspath(one.path), "problem": one.problem} for one in failures],
        "left_out": [{"path": os.fspath(one.path), "reason": one.reason} for one in left_out],
    }
