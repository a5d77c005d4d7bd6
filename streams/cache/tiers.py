"""The two-tier cache of a worker: memory first, then the partition's table. Thread-safe."""

import threading
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from streams.cache.adaptive import Adaptive
from streams.cache.entry import Entry, pack, unpack
from streams.cache.lifetime import Lifetime, mean_gap
from streams.cache.repetition import RepetitionSketch
from streams.codecs import Encoded

#: Memory of an entry besides its audio, in bytes: key, description, its places in the policies. Measured: 1140 by
#: Python's sizes, 1500 in resident memory after many entries have been stored and evicted.
ENTRY_OVERHEAD = 1536
#: Keys remembered after one occurrence, at least: some hours of a large hotel's prompts in 256 KB.
_REMEMBERED = 65_536

Tier = Literal["memory", "table"]
#: Why an entry left the memory: to make room for another one, because it expired, or because the budget shrank.
Reason = Literal["room", "expired", "pressure"]


class CacheHit(NamedTuple):
    """A file found in the cache.

    Attributes:
        encoded: The file.
        tier: The tier in which it was found.
        age: Seconds since it was admitted.
        update: The serialised entry to write to the partition's table, or None if the table is up to date.
    """

    encoded: Encoded
    tier: Tier
    age: float
    update: bytes | None


class _Held:
    """An entry in memory.

    Attributes:
        encoded: The file.
        expires: Time of expiry, in seconds since the epoch.
        admitted: Time of admission, in seconds since the epoch.
        gap: Mean seconds between two uses, or None after a single use.
        used: Time of the last use, in seconds since the epoch.
        stored: By partition, the expiry of the entry in that partition's table.
    """

    __slots__ = ("admitted", "encoded", "expires", "gap", "stored", "used")

    def __init__(self, entry: Entry, used: float, stored: dict[int, float]) -> None:
        self.encoded = entry.encoded
        self.expires = entry.expires
        self.admitted = entry.admitted
        self.gap = entry.gap
        self.used = used
        self.stored = stored


class TieredCache:
    """Cache of encoded files, which are admitted at their second occurrence.

    Args:
        budget: Memory for entries, in bytes.
        lifetime: Time to live of entries.
        clock: Returns seconds since the epoch, because expiries are stored.
        on_evicted: Called with the reason and the number of entries that left the memory.
    """

    def __init__(
        self, budget: int, lifetime: Lifetime, clock: Callable[[], float], on_evicted: Callable[[Reason, int], None]
    ) -> None:
        self._lifetime = lifetime
        self._clock = clock
        self._on_evicted = on_evicted
        self._lock = threading.Lock()
        self._memory: Adaptive[_Held] = Adaptive(budget)
        self._sketch = RepetitionSketch(_REMEMBERED)
        self._sweep: Iterator[bytes] = iter(())

    def __len__(self) -> int:
        return len(self._memory)

    @property
    def used(self) -> int:
        """Memory that the entries take, in bytes."""
        return self._memory.used

    @property
    def budget(self) -> int:
        """Memory that the entries may take, in bytes."""
        return self._memory.budget

    def find(self, key: bytes, partition: int, lookup: Callable[[bytes], bytes | None]) -> CacheHit | None:
        """Look up a file.

        Args:
            key: The key from `cache_key`.
            partition: The input's partition.
            lookup: Reads that partition's table.
        """
        now = self._clock()
        with self._lock:
            held = self._memory.get(key)
            if held is not None and now < held.expires:
                return CacheHit(held.encoded, "memory", now - held.admitted, self._use(held, partition, now))
        stored = lookup(key)
        if stored is None:
            return None
        entry = unpack(stored)
        if now >= entry.expires:
            return None
        used = entry.expires - self._lifetime.after(entry.gap)
        held = _Held(entry, used, {partition: entry.expires})
        update = self._use(held, partition, now)
        self._hold(key, held)
        return CacheHit(entry.encoded, "table", now - entry.admitted, update)

    def offer(self, key: bytes, encoded: Encoded, partition: int) -> bytes | None:
        """Offer a newly encoded file, after a miss.

        Returns:
            The serialised entry for the partition's table, or None at the first occurrence, which is only remembered.
        """
        now = self._clock()
        with self._lock:
            if not self._sketch.seen(key):
                return None
        entry = Entry(encoded, now + self._lifetime.after(None), now, None)
        self._hold(key, _Held(entry, now, {partition: entry.expires}))
        return pack(entry)

    def resize(self, budget: int) -> None:
        """Change the budget in bytes, evicting no more entries than needed."""
        with self._lock:
            evicted = self._memory.resize(budget)
        if evicted:
            self._on_evicted("pressure", len(evicted))

    def sweep(self, most: int) -> None:
        """Examine the next ``most`` entries in memory and remove expired ones; after the last entry, start again."""
        now = self._clock()
        expired = 0
        with self._lock:
            for _ in range(most):
                key = next(self._sweep, None)
                if key is None:
                    self._sweep = iter(self._memory.keys())
                    break
                held = self._memory.peek(key)
                if held is not None and now >= held.expires:
                    self._memory.remove(key)
                    expired += 1
        if expired:
            self._on_evicted("expired", expired)

    def _use(self, held: _Held, partition: int, now: float) -> bytes | None:
        """Record a use; return the entry for the table if that has none, or one past half of its time to live."""
        held.gap = mean_gap(held.gap, now - held.used)
        held.used = now
        lifetime = self._lifetime.after(held.gap)
        held.expires = now + lifetime
        if held.stored.get(partition, 0.0) - now > lifetime / 2:
            return None
        held.stored[partition] = held.expires
        return pack(Entry(held.encoded, held.expires, held.admitted, held.gap))

    def _hold(self, key: bytes, held: _Held) -> None:
        with self._lock:
            evicted = self._memory.put(key, held, len(held.encoded.audio) + ENTRY_OVERHEAD)
        if evicted:
            self._on_evicted("room", len(evicted))
