"""Why the worker chose the levels of the results: each `ce_reason`, counted and explained in a sentence."""

from collections import Counter
from collections.abc import Iterable

from scripts.demonstration.verdict import Result
from scripts.tables import ReportTable
from streams.compression.reasons import explained


def reasons_table(results: Iterable[Result]) -> ReportTable:
    """The results by level and reason, the most frequent first."""
    counts = Counter((result.audio.level, result.audio.reason) for result in results)
    table = ReportTable(title="Why these levels")
    table.add_column("results", justify="right")
    table.add_column("level", justify="right")
    table.add_column("because")
    for (level, reason), number in counts.most_common():
        table.add_row(str(number), str(level), f"{explained(reason)} ({reason})")
    return table
