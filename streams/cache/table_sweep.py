"""Keeps one partition of the cache table free of expired entries and within its size."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Literal

from streams.cache import expiry

#: Entries looked at in one step: less than a millisecond's work.
_STEP = 64

Removal = Literal["room", "expired"]


#: Reads keys and values in the order of keys, from a key on.
Entries = Callable[[bytes], Iterable[tuple[bytes, bytes]]]


class ShardSweep:
    """Goes round and round through a partition's entries, some at a time.

    What is over the size goes by expiry, the soonest first among those of a step: what is rarely used, because expiry
    follows use.

    Args:
        budget: Bytes that the partition's entries may take.

    Attributes:
        size: Bytes that they take; exact once a round is over.
    """

    def __init__(self, budget: int) -> None:
        self._budget = budget
        self._cursor = b""
        self._counted = 0
        self.size = 0

    def note(self, key: bytes, growth: int) -> None:
        """Hear that the entry of a key was written, and is larger by ``growth`` bytes than the one it replaced."""
        self.size += growth
        if key < self._cursor:
            self._counted += growth

    def step(self, entries: Entries, now: float) -> list[tuple[bytes, Removal]]:
        """Look at the next entries.

        Args:
            entries: The partition's.
            now: Seconds since the epoch.

        Returns:
            The keys to be removed, and why.
        """
        seen = [(expiry(value), len(key) + len(value), key) for key, value in islice(entries(self._cursor), _STEP)]
        removals: list[tuple[bytes, Removal]] = []
        kept = 0
        for expires, size, key in sorted(seen):
            over = self.size > self._budget
            if now < expires and not over:
                kept += size
                continue
            self.size -= size
            removals.append((key, "expired" if now >= expires else "room"))
        self._counted += kept
        if len(seen) == _STEP:
            self._cursor = seen[-1][2] + b"\0"
        else:  # the end: what was counted on the way is what there is
            self.size, self._counted, self._cursor = self._counted, 0, b""
        return removals
