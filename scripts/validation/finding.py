"""The results of checks, as data."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """What a check has found."""

    PASSED = "passed"
    WARNING = "warning"
    FAILED = "FAILED"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check.

    Attributes:
        check: Kind of the check, such as ``topic``.
        subject: What was checked, such as the topic's name.
        status: What was found.
        detail: What was found, in one line: figures, or what is wrong.
        remedy: What to do about it, in one line; empty for what has passed.
    """

    check: str
    subject: str
    status: Status
    detail: str
    remedy: str = ""


def passed(check: str, subject: str, detail: str) -> Finding:
    """The finding of a check that has passed."""
    return Finding(check, subject, Status.PASSED, detail)


def warned(check: str, subject: str, detail: str, remedy: str) -> Finding:
    """The finding of a check that has passed, with something that should be looked at."""
    return Finding(check, subject, Status.WARNING, detail, remedy)


def failed(check: str, subject: str, detail: str, remedy: str) -> Finding:
    """The finding of a check that has failed."""
    return Finding(check, subject, Status.FAILED, detail, remedy)


def not_checked(check: str, subject: str, detail: str, remedy: str = "") -> Finding:
    """The finding of a check that was not made, which is neither a success nor a failure."""
    return Finding(check, subject, Status.NOT_CHECKED, detail, remedy)


def judged(check: str, subject: str, problems: Sequence[str], detail: str, remedy: str) -> Finding:
    """The finding of a check that has passed where nothing is wrong.

    Args:
        check: Kind of the check.
        subject: What was checked.
        problems: What is wrong.
        detail: What to say where nothing is wrong.
        remedy: What to do where something is.
    """
    if problems:
        return failed(check, subject, "; ".join(problems), remedy)
    return passed(check, subject, detail)


@dataclass(frozen=True, slots=True)
class Report:
    """The results of all checks.

    Attributes:
        findings: In the order in which they are shown.
        seconds: How long the checks took.
    """

    findings: Sequence[Finding]
    seconds: float

    def count(self, status: Status) -> int:
        """Number of findings of a status."""
        return sum(one.status is status for one in self.findings)

    @property
    def succeeded(self) -> bool:
        """Whether something was checked and nothing has failed."""
        return self.count(Status.PASSED) > 0 and self.count(Status.FAILED) == 0

    @property
    def success_rate(self) -> float:
        """Share of the checks that passed among those that were made; 0 where none was made."""
        good, bad = self.count(Status.PASSED), self.count(Status.FAILED)
        return good / (good + bad) if good else 0.0

    def as_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return {
            "succeeded": self.succeeded,
            "success_rate": self.success_rate,
            "seconds": round(self.seconds, 3),
            **{status.name.lower(): self.count(status) for status in Status},
            "findings": [asdict(one) | {"status": one.status.name.lower()} for one in self.findings],
        }
