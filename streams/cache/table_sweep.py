"""Removes expired entries from one partition of the cache table, and keeps it within its size."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Literal

from streams.cache import expiry

#: Entries per step: less than a millisecond of work.
_STEP = 64

Removal = Literal["room", "expired"]


#: Iterates over keys and values in the order of keys, beginning with a given key.
Entries = Callable[[bytes], Iterable[tuple[bytes, bytes]]]


class ShardSweep:
    """Iterates over a partition's entries again and again, a few at a time, and selects those to remove.

    If the partition is too large, the entries of a step that expire soonest are removed: these are rarely used, because
    each use extends the expiry.

    Args:
        budget: Largest total size of the partition's entries, in bytes.

    Attributes:
        size: Total size of the entries in bytes; exact at the end of each round.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._cursor = b""
        self._counted = 0
        self.size = 0

    def note(self, key: bytes, growth: int) -> None:
        """Record that an entry was written that is ``growth`` bytes larger than the one it replaced."""
        self.size += growth
        if key < self._cursor:
            self._counted += growth

    def step(self, entries: Entries, now: float) -> list[tuple[bytes, Removal]]:
        """Examine the next entries.

        Args:
            entries: Iterates over the partition's entries.
            now: Seconds since the epoch.

        Returns:
            The keys to be removed, and why.
        """
        examined = [(expiry(value), len(key) + len(value), key) for key, value in islice(entries(self._cursor), _STEP)]
        removals: list[tuple[bytes, Removal]] = []
        remaining = 0
        for expires, size, key in sorted(examined):
            over = self.size > self._budget
            if now < expires and not over:
                remaining += size
                continue
            self.size -= size
            removals.append((key, "expired" if now >= expires else "room"))
        self._counted += remaining
        if len(examined) == _STEP:
            self._cursor = examined[-1][2] + b"\0"
        else:  # the end of a round: the counted size is exact
            self.size, self._counted, self._cursor = self._counted, 0, b""
        return removals
