"""Tables of the commands that stay readable on narrow terminals: no number is broken, and no column is lost."""

import shutil
import sys
from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.table import Column, Table

_WITHOUT_TERMINAL = 120  # characters of a line
_GAP = 3  # characters between two columns
_WORDS = 20  # characters that a column of words has at least; longer cells take several lines


class ReportTable(Table):
    """A table that is drawn in several parts, one below the other, where its columns do not fit side by side.

    Each part begins with the columns that say what a row is about. Words are wrapped, right-aligned cells never.

    Args:
        headers: Titles of the first columns, which are left-aligned.
        title: Title of the table.
        show_header: Whether the titles are shown.
        show_footer: Whether the columns' footers are shown.
        keys: Number of columns with which each part begins.
    """

    def __init__(
        self,
        *headers: str,
        title: str | None = None,
        show_header: bool = True,
        show_footer: bool = False,
        keys: int = 1,
    ) -> None:
        self._keys = keys
        super().__init__(
            *headers,
            title=title,
            title_justify="left",
            box=SIMPLE_HEAD,
            show_edge=False,
            pad_edge=False,
            show_header=show_header,
            show_footer=show_footer,
        )

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw the table, or its parts; rich calls this."""
        parts = list(_parts([_least(column) for column in self.columns], options.max_width, self._keys))
        for number, part in enumerate(parts):
            drawn = self._of([self.columns[index] for index in part])
            drawn.title = self.title if number == 0 else None
            if number > 0:
                yield Segment.line()
            yield from Table.__rich_console__(drawn, console, options)

    def _of(self, columns: Sequence[Column]) -> "ReportTable":
        made = ReportTable(show_header=self.show_header, show_footer=self.show_footer)
        for column in columns:
            short = column.justify == "right" or _least(column) < _WORDS
            made.add_column(column.header, column.footer, justify=column.justify, no_wrap=short, overflow="fold")
        for row in zip(*(column.cells for column in columns), strict=True):
            made.add_row(*row)
        return made


def report_console() -> Console:
    """A console on standard output for tables, as wide as the terminal (or ``COLUMNS``), or 120 characters.

    Text is shown as it is: names from outside are no markup.
    """
    return Console(markup=False, width=shutil.get_terminal_size((_WITHOUT_TERMINAL, 0)).columns)


def fitted(line: str) -> str:
    """Shorten a line to the width of the terminal; unchanged where standard output is none."""
    width = shutil.get_terminal_size((0, 0)).columns if sys.stdout.isatty() else 0
    return line if not width or cell_len(line) <= width else f"{line[: width - 1]}…"


def _parts(widths: Sequence[int], available: int, keys: int) -> Iterator[list[int]]:
    """Divide columns into parts that fit into a width; each begins with the key columns."""
    first = list(range(keys))
    begun = sum(widths[:keys]) + _GAP * (keys - 1)
    part, used = [*first], begun
    for index, width in enumerate(widths[keys:], start=keys):
        if used + _GAP + width > available and len(part) > keys:
            yield part
            part, used = [*first], begun
        part.append(index)
        used += _GAP + width
    yield part


def _least(column: Column) -> int:
    """The least width of a column in characters."""
    longest = max(cell_len(str(cell)) for cell in (column.header, column.footer, *column.cells))
    return longest if column.justify == "right" else min(longest, _WORDS)
