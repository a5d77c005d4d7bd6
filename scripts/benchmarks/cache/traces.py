"""Traces of cache requests, and their file format."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


class TraceError(ValueError):
    """A trace cannot be read; the message names the line and the expected form."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Requests in the order of time.

    Attributes:
        times: Seconds.
        items: The requested item's number, from 0, for each request.
        sizes: Bytes of each item; the size of its first request.
    """

    times: NDArray[np.float64]
    items: Integers
    sizes: Integers

    def __len__(self) -> int:
        return len(self.items)

    @property
    def footprint(self) -> int:
        """Bytes of all items together."""
        return int(self.sizes.sum())

    @property
    def repeatable(self) -> NDArray[np.bool_]:
        """Which requests are for items that are requested more than once."""
        return np.bincount(self.items, minlength=len(self.sizes))[self.items] > 1

    def keys(self) -> list[bytes]:
        """A key for each item: a digest, as in the product."""
        return [hashlib.sha256(str(item).encode()).digest() for item in range(len(self.sizes))]


def read(path: Path) -> Trace:
    """Read lines of ``time,key,size``: seconds, a text without comma, bytes.

    Raises:
        TraceError: If a line has another form, or the file has none.
    """
    numbers: dict[str, int] = {}
    times: list[float] = []
    items: list[int] = []
    sizes: list[int] = []
    with path.open(encoding="utf-8") as lines:
        for row, line in enumerate(lines, 1):
            try:
                seconds, rest = line.split(",", 1)
                key, size = rest.rsplit(",", 1)
                times.append(float(seconds))
                length = int(size)
            except ValueError:
                raise TraceError(f"{path}, line {row}: not time,key,size") from None
            if length < 1:
                raise TraceError(f"{path}, line {row}: the size must be 1 or more")
            items.append(numbers.setdefault(key, len(numbers)))
            if len(numbers) > len(sizes):
                sizes.append(length)
    if not items:
        raise TraceError(f"{path} holds no requests")
    return Trace(np.array(times), np.array(items, dtype=np.int64), np.array(sizes, dtype=np.int64))
