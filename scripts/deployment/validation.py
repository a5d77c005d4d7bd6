"""Reads what `final_validation --json -` says of a system."""

import json

from scripts.deployment.errors import StepError
from scripts.deployment.programs import Completed, last_lines


def verdict(done: Completed) -> str:
    """What a validation has found, in one line.

    Raises:
        StepError: If something failed; its log has a line for each failure.
    """
    try:
        report = json.loads(_document(done.output))
        failures = tuple(
            f"{one['check']} {one['subject']}: {one['detail']}"
            for one in report["findings"]
            if one["status"] == "failed"
        )
        told = f"{report['passed']} of {report['passed'] + report['failed']} checks passed in {report['seconds']:.1f} s"
    except (ValueError, KeyError, TypeError):
        log = last_lines(done.output + done.errors)
        raise StepError(f"the validation ended with {done.code} and without a report", log) from None
    if done.code != 0 or failures:
        raise StepError(f"{told}; {failures[0] if failures else f'exit code {done.code}'}", failures)
    return told


def _document(output: str) -> str:
    """The JSON in what was printed; a container's log has standard error between."""
    lines = output.splitlines()
    begin, end = lines.index("{"), len(lines) - lines[::-1].index("}")
    return "\n".join(lines[begin:end])
