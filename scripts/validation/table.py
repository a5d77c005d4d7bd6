"""Prints the report of a validation."""

from scripts.cli import counted
from scripts.tables import ReportTable, report_console
from scripts.validation.finding import Report, Status


def print_report(report: Report) -> None:
    """Print a table of all checks, then what to do about each that has failed, and the success rate."""
    console = report_console()
    table = ReportTable("check", "of", "result", "found", keys=2)
    for one in report.findings:
        table.add_row(one.check, one.subject, one.status.value, one.detail)
    console.print(table)
    console.print()
    for one in report.findings:
        if one.status is Status.FAILED:
            console.print(f"FAILED {one.check}, {one.subject}: {one.detail}\n  -> {one.remedy}", highlight=False)
    good, bad, unknown = (report.count(status) for status in (Status.PASSED, Status.FAILED, Status.NOT_CHECKED))
    console.print(
        f"{good} of {counted(good + bad, 'check')} passed ({report.success_rate:.0%}), {unknown} not checked,"
        f" in {report.seconds:.1f} s",
        highlight=False,
    )
