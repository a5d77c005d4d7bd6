"""The adaptive eviction policy: follows LRU or LFU, whichever serves the present traffic better."""

from streams.cache.eviction import SizedCache, V
from streams.cache.lfu import LFU
from streams.cache.lru import LRU

#: Smallest number of requests over which regret decays.
_SHORTEST_MEMORY = 256
#: Hits by which the other expert must be ahead before it becomes the leader: smaller differences are chance.
_MARGIN = 2.0


class _Expert:
    """A policy that tracks keys and sizes only, and its pending victims.

    Attributes:
        shadow: The policy.
        pending_victims: Keys that the policy has evicted but the cache still holds, oldest first.
    """

    __slots__ = ("pending_victims", "shadow")

    def __init__(self, shadow: SizedCache[bool]) -> None:
        self.shadow = shadow
        self.pending_victims: dict[bytes, None] = {}


class Adaptive(SizedCache[V]):
    """LRU and LFU as two experts; the one with less regret decides what is evicted.

    Each expert runs as a shadow that sees every request and keeps keys and sizes only, so its hits are known even where
    the cache itself misses. The difference of their hits, decayed over about as many requests as there are entries, is
    the regret of following one instead of the other. An eviction removes a pending victim: an entry that the leading
    expert has evicted already. There always is one, because the expert has the same budget. So the cache adapts to a
    new leader gradually, and evicts nothing before it must.
    """

    def __init__(self, budget: int) -> None:
        super().__init__(budget)
        self._entries: dict[bytes, tuple[V, int]] = {}
        self._recency = _Expert(LRU(budget))
        self._frequency = _Expert(LFU(budget))
        self._leader = self._recency
        self._regret = 0.0  # hits of the LFU expert minus hits of the LRU expert, decayed

    def keys(self) -> list[bytes]:
        """A snapshot of the keys of all entries."""
        return list(self._entries)

    def peek(self, key: bytes) -> V | None:
        """Return a value without counting a use, or None."""
        entry = self._entries.get(key)
        return None if entry is None else entry[0]

    def get(self, key: bytes) -> V | None:
        """See `SizedCache`."""
        recent = self._recency.shadow.get(key) is not None
        frequent = self._frequency.shadow.get(key) is not None
        memory = len(self._entries)
        self._regret -= self._regret / (memory if memory > _SHORTEST_MEMORY else _SHORTEST_MEMORY)
        if recent is not frequent:
            self._learn(frequent)
        entry = self._entries.get(key)
        if entry is None:
            return None
        if not (recent and frequent):
            self._show(key, entry[1])
        return entry[0]

    def put(self, key: bytes, value: V, size: int) -> list[bytes]:
        """See `SizedCache`."""
        old = self._entries.get(key)
        if old is not None and old[1] != size:
            self.remove(key)
            old = None
        if size > self.budget:
            return []
        self._show(key, size)
        if old is not None:
            self._entries[key] = (value, size)
            return []
        evicted = self._make_room(size)
        self._entries[key] = (value, size)
        self.used += size
        return evicted

    def remove(self, key: bytes) -> bool:
        """See `SizedCache`."""
        for expert in (self._recency, self._frequency):
            expert.shadow.remove(key)
        return self._drop(key)

    def evict(self) -> bytes:
        """See `SizedCache`."""
        leader = self._leader
        while not leader.pending_victims:
            self._note(leader, [leader.shadow.evict()])
        key = next(iter(leader.pending_victims))
        self._drop(key)
        return key

    def resize(self, budget: int) -> list[bytes]:
        """See `SizedCache`."""
        for expert in (self._recency, self._frequency):
            self._note(expert, expert.shadow.resize(budget))
        return super().resize(budget)

    def _learn(self, frequent: bool) -> None:
        """Count a request that was a hit for one expert and a miss for the other."""
        self._regret += 1.0 if frequent else -1.0
        if self._regret > _MARGIN:
            self._leader = self._frequency
        elif self._regret < -_MARGIN:
            self._leader = self._recency

    def _show(self, key: bytes, size: int) -> None:
        """Put an entry that the cache has, or is about to have, into the shadows that lack it."""
        for expert in (self._recency, self._frequency):
            if key not in expert.shadow:
                expert.pending_victims.pop(key, None)
                self._note(expert, expert.shadow.put(key, True, size))

    def _note(self, expert: _Expert, evicted: list[bytes]) -> None:
        for key in evicted:
            if key in self._entries:
                expert.pending_victims[key] = None

    def _drop(self, key: bytes) -> bool:
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.used -= entry[1]
        for expert in (self._recency, self._frequency):
            expert.pending_victims.pop(key, None)
        return True
