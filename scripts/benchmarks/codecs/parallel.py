"""Runs measurements on all cores."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import TypeVar

_Given = TypeVar("_Given")
_Found = TypeVar("_Found")


def spread(work: Callable[[_Given], _Found], given: Sequence[_Given], advance: Callable[[], None]) -> Iterator[_Found]:
    """Apply a function to each item, in a pool of processes.

    Args:
        work: The function; it, its arguments and its results must be picklable.
        given: The items.
        advance: Called after each item.

    Yields:
        The results, in order.
    """
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(work, given, chunksize=1):
            advance()
            yield found
