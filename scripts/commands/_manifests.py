"""Presents calls as a table."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from scripts.cli import counted
from scripts.commands._letters import printable
from scripts.tables import ReportTable

_COLUMNS = ("hotel", "call", "begin", "duration", "channels", "segments", "missing", "complete")
_NUMBERS = {"duration", "segments", "missing"}


def table_of(summaries: Sequence[dict[str, Any]]) -> Table:
    """A table with a line for each call, from what `summary` returns."""
    table = ReportTable(title=counted(len(summaries), "call"), keys=2)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", overflow="fold")
    for one in summaries:
        table.add_row(
            printable(one["hotel"]),
            printable(one["call"]),
            f"{one['begin'][:19].replace('T', ' ')}Z",
            length(one["durationMs"]),
            ", ".join(one["channels"]),
            str(one["segments"]),
            str(one["missing"]),
            "yes" if one["complete"] else f"no: {printable(one['problems'][0])}",
        )
    return table


def length(milliseconds: int) -> str:
    """A length as hours, minutes and seconds."""
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
