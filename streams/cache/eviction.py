"""The interface of all eviction policies: a cache bounded by bytes."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Generic, TypeVar

V = TypeVar("V")


class SizedCache(ABC, Generic[V]):
    """A cache whose entries stay within a budget of bytes. Deterministic; not thread-safe.

    Args:
        budget: Largest total size of the entries, in bytes.

    Attributes:
        budget: Largest total size of the entries, in bytes.
        used: Total size of the entries in bytes; never above the budget.
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
        """Return a value and count a use of it, or return None."""

    @abstractmethod
    def put(self, key: bytes, value: V, size: int) -> list[bytes]:
        """Store a value, replacing the key's previous one; a value larger than the whole budget is not stored.

        Args:
            key: The value's key.
            value: Any value.
            size: Size of the value in bytes, at least 1.

        Returns:
            Keys of the entries evicted to make room.
        """

    @abstractmethod
    def remove(self, key: bytes) -> bool:
        """Remove an entry; return whether there was one."""

    @abstractmethod
    def evict(self) -> bytes:
        """Remove the entry that the policy values least; return its key.

        Raises:
            KeyError: If the cache is empty.
        """

    def resize(self, budget: int) -> list[bytes]:
        """Change the budget, evicting no more entries than needed; return their keys."""
        self.budget = budget
        return self._make_room(0)

    def _make_room(self, size: int) -> list[bytes]:
        evicted = []
        while self.used + size > self.budget:
            evicted.append(self.evict())
        return evicted
