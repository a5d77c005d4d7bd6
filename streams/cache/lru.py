"""Eviction of the least recently used entry."""

from collections import OrderedDict

from streams.cache.eviction import SizedCache, V


class LRU(SizedCache[V]):
    """Evicts the entry that was not used for the longest time."""

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self._entries: OrderedDict[bytes, tuple[V, int]] = OrderedDict()

    def get(self, key: bytes) -> V | None:
        """See `SizedCache`."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        self._entries.move_to_end(key)
        return entry[0]

    def put(self, key: bytes, value: V, size: int) -> list[bytes]:
        """See `SizedCache`."""
        self.remove(key)
        if size > self.budget:
            return []
        evicted = self._make_room(size)
        self._entries[key] = (value, size)
        self.used += size
        return evicted

    def remove(self, key: bytes) -> bool:
        """See `SizedCache`."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.used -= entry[1]
        return True

    def evict(self) -> bytes:
        """See `SizedCache`."""
        key, (_, size) = self._entries.popitem(last=False)
        self.used -= size
        return key
