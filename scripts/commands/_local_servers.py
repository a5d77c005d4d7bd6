"""What commands tell about servers that they start on this machine."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console


@contextmanager
def steps(console: Console, first: str) -> Iterator[Callable[[str], None]]:
    """A line with the present step; yields a function that changes it. Where no terminal is, each step has a line."""
    with console.status(first) as progress:

        def report(step: str) -> None:
            progress.update(step)
            if not console.is_terminal:
                console.print(step, markup=False)

        yield report


def state_of(pid: int | None, *, accepts: bool) -> str:
    """The state of a server, in words.

    Args:
        pid: Its process; None if it does not run.
        accepts: Whether it accepts connections.
    """
    if pid is None:
        return "not running"
    return f"{'up' if accepts else 'not accepting connections'} (process {pid})"
