"""Eviction of what was least frequently used, with aging."""

import heapq
from typing import Generic

from streams.cache.eviction import SizedCache, V

#: Places of former entries that the heap may hold besides twice the present ones.
_HEAP_SLACK = 64
#: Power of its size by which the worth of an entry's use falls, see `LFU`.
_SIZE_EXPONENT = 0.7
#: What the uses of an entry still count when it comes back after its eviction.
_REMEMBERED = 0.35
#: Former entries whose uses are remembered, besides as many as there are present ones.
_FORMER_SLACK = 64


class _Entry(Generic[V]):
    """A value and its worth.

    Attributes:
        weight: What one use is worth.
        used_at: Position of its last use in the order of all uses; unique.
        stored_at: The same of the use that stored it, which tells it from a former entry of its key.
        uses: How often it was used, or counts as used.
    """

    __slots__ = ("priority", "size", "stored_at", "used_at", "uses", "value", "weight")

    def __init__(self, value: V, size: int, uses: float, age: float, now: int) -> None:
        self.value = value
        self.size = size
        self.weight = size**-_SIZE_EXPONENT
        self.uses = uses
        self.priority = age + uses * self.weight
        self.stored_at = self.used_at = now


#: An entry as it stood when the heap last heard of it: priority, ``used_at``, ``stored_at``, key.
_Place = tuple[float, int, int, bytes]


class LFU(SizedCache[V]):
    """Evicts what was used least, with dynamic aging.

    Each use sets an entry's priority anew: its uses so far, divided by a power of its size, plus the age of the cache,
    which is the priority of the last entry evicted. So what was popular once sinks below what is popular now (LFU-DA).
    Division by the size itself (GDSF) would serve the most requests, no division the most bytes; a power of 0.7 is
    close to both. Among equals the least recently used goes first.

    As many former entries as there are present ones are remembered by their keys: one that comes back begins with a
    third of the uses that it had. A cache far too small for its traffic learns what is popular only that way.

    A hit only sets the priority; the heap hears of it when the entry comes up for eviction.
    """

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self._entries: dict[bytes, _Entry[V]] = {}
        self._heap: list[_Place] = []
        self._former: dict[bytes, float] = {}  # uses, in the order of eviction
        self._age = 0.0
        self._now = 0

    def get(self, key: bytes) -> V | None:
        """See `SizedCache`."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        entry.uses = uses = entry.uses + 1
        entry.priority = self._age + uses * entry.weight
        entry.used_at = self._now = self._now + 1
        return entry.value

    def put(self, key: bytes, value: V, size: int) -> list[bytes]:
        """See `SizedCache`."""
        self.remove(key)
        if size > self.budget:
            return []
        evicted = self._make_room(size)
        self._now += 1
        uses = 1 + _REMEMBERED * self._former.pop(key, 0.0)
        entry = self._entries[key] = _Entry(value, size, uses, self._age, self._now)
        heapq.heappush(self._heap, _place(key, entry))
        self.used += size
        return evicted

    def remove(self, key: bytes) -> bool:
        """See `SizedCache`."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.used -= entry.size
        if len(self._heap) > 2 * len(self._entries) + _HEAP_SLACK:
            self._heap = [_place(key, entry) for key, entry in self._entries.items()]
            heapq.heapify(self._heap)
        return True

    def evict(self) -> bytes:
        """See `SizedCache`."""
        while self._heap:
            priority, used_at, stored_at, key = self._heap[0]
            entry = self._entries.get(key)
            if entry is None or entry.stored_at != stored_at:
                heapq.heappop(self._heap)
            elif entry.used_at != used_at:
                heapq.heapreplace(self._heap, _place(key, entry))
            else:
                heapq.heappop(self._heap)
                del self._entries[key]
                self.used -= entry.size
                self._age = priority
                self._remember(key, entry.uses)
                return key
        raise KeyError("the cache is empty")

    def _remember(self, key: bytes, uses: float) -> None:
        self._former[key] = uses
        while len(self._former) > len(self._entries) + _FORMER_SLACK:
            del self._former[next(iter(self._former))]


def _place(key: bytes, entry: _Entry[V]) -> _Place:
    return entry.priority, entry.used_at, entry.stored_at, key
