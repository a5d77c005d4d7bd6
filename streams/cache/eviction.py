"""What every eviction policy offers: a cache bounded by bytes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class SizedCache(ABC, Generic[V]):
    """A cache that keeps its entries within a budget of bytes. Deterministic; not thread-safe.

    Args:
        budget: Bytes that the entries may take together.

    Attributes:
        budget: The same.
        used: Bytes that the entries take; never above the budget.
    """

    _entries: Mapping[bytes, object]

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self.used = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: bytes) -> bool:
        return key in self._entries

    @abstractmethod
    def get(self, key: bytes) -> V | None:
        """Return a value, which counts as a use of it, or None."""

    @abstractmethod
    def put(self, key: bytes, value: V, size: int) -> list[bytes]:
        """Store a value, in place of the one that the key had; what exceeds the whole budget is not stored.

        Args:
            key: Where to find it again.
            value: What to keep.
            size: Bytes to count for it, at least 1.

        Returns:
            The keys evicted to make room.
        """

    @abstractmethod
    def remove(self, key: bytes) -> bool:
        """Forget an entry; returns whether there was one."""

    @abstractmethod
    def evict(self) -> bytes:
        """Give up the entry that the policy values least; returns its key.

        Raises:
            KeyError: If the cache is empty.
        """

    def resize(self, budget: int) -> list[bytes]:
        """Change the budget; returns the keys evicted, no more than needed."""
        self.budget = budget
        return self._make_room(0)

    def _make_room(self, size: int) -> list[bytes]:
        evicted = []
        while self.used + size > self.budget:
            evicted.append(self.evict())
        return evicted
