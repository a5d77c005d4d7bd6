"""Eviction of the least frequently used entry, with aging."""

import heapq
from typing import Generic

from streams.cache.eviction import SizedCache, V

#: Outdated places that the heap may have in addition to twice the present entries.
_HEAP_SLACK = 64
#: Exponent of the size by which a use of an entry is divided, see `LFU`.
_SIZE_EXPONENT = 0.7
#: Share of its former uses with which an evicted entry starts when it is stored again.
_REMEMBERED_SHARE = 0.35
#: Former entries whose uses are remembered, in addition to the number of present entries.
_FORMER_SLACK = 64


class _Entry(Generic[V]):
    """A value and its priority.

    Attributes:
        weight: Value of one use.
        used_at: Sequence number of its last use among all uses; unique.
        stored_at: Sequence number of the use that stored it; it differs from that of a former entry of the same key.
        uses: Number of uses, including the share of former uses.
    """

    __slots__ = ("priority", "size", "stored_at", "used_at", "uses", "value", "weight")

    def __init__(self, value: V, size: int, uses: float, age: float, now: int) -> None:
        self.value = value
        self.size = size
        self.weight = size**-_SIZE_EXPONENT
        self.uses = uses
        self.priority = age + uses * self.weight
        self.stored_at = self.used_at = now


#: An entry's place in the heap, possibly outdated: priority, ``used_at``, ``stored_at``, key.
_Place = tuple[float, int, int, bytes]


class LFU(SizedCache[V]):
    """Evicts the entry with the fewest uses, with dynamic aging.

    Each use sets an entry's priority: its uses so far, divided by a power of its size, plus the age of the cache, which
    is the priority of the last evicted entry. So entries that were popular in the past fall below those that are
    popular now (LFU-DA). Division by the size itself (GDSF) would serve the most requests, no division the most bytes;
    an exponent of 0.7 is close to both optima. Among equal priorities, the least recently used entry is evicted first.

    The uses of former entries are remembered by key, for as many as there are present entries: an entry that is stored
    again starts with a third of its former uses. A cache far too small for its traffic can learn popularity only this
    way.

    A hit only sets the priority; the heap is updated when the entry reaches its top.
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
        uses = 1 + _REMEMBERED_SHARE * self._former.pop(key, 0.0)
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
