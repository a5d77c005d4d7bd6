"""The doctor's findings as lines: what was looked at, what was found, and below it what to do."""

from collections.abc import Iterator

from scripts.cli import counted
from scripts.validation.finding import Finding, Report, Status

_WORDS = {Status.PASSED: "ok"}
_WIDTH = max(len(_WORDS.get(one, one.value)) for one in Status)


def lines(report: Report) -> Iterator[str]:
    """The report as text."""
    for one in report.findings:
        yield line(one)
        if one.remedy:
            yield f"{' ' * _WIDTH}  -> {one.remedy}"
    bad, unsure, unknown = (report.count(one) for one in (Status.FAILED, Status.WARNING, Status.NOT_CHECKED))
    verdict = f"{counted(bad, 'check')} failed" if bad else "nothing failed"
    yield f"{verdict}, {counted(unsure, 'warning')}, {unknown} not checked, in {report.seconds:.1f} s"


def line(one: Finding) -> str:
    """One finding."""
    subject = f"{one.check} {one.subject}".rstrip()
    return f"{_WORDS.get(one.status, one.status.value):{_WIDTH}}  {subject}: {one.detail}"
