"""The cache as the process sees it: memory first, then the partition's table. Thread-safe."""

import threading
from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from streams.cache.adaptive import Adaptive
from streams.cache.entry import Entry, pack, unpack
from streams.cache.lifetime import Lifetime, mean_gap
from streams.cache.repetition import RepetitionSketch
from streams.codecs import Encoded

#: Bytes that an entry takes besides its audio: key, description, its places in the policies. Measured: 1140 as Python
#: counts it, 1500 as resident memory shows it once entries have come and gone.
ENTRY_OVERHEAD = 1536
#: Keys remembered from one sighting, at least: some hours of a large hotel's prompts in 256 KB.
_REMEMBERED = 65_536

Tier = Literal["memory", "table"]
#: Why an entry went: for another one, for its time, or for the memory of the process.
Reason = Literal["room", "expired", "pressure"]


class Found(NamedTuple):
    """A hit.

    Attributes:
        encoded: The file.
        tier: Where it was.
        age: Seconds since it was admitted.
        update: The entry as the partition's table should now hold it, or None where it is up to date.
    """

    encoded: Encoded
    tier: Tier
    age: float
    update: bytes | None


class _Held:
    """An entry in memory.

    Attributes:
        encoded: The file.
        expires: When it must not be served any more.
        admitted: When it was admitted.
        gap: Mean seconds between two uses, or None where there was one only.
        used: When it was used last.
        stored: By partition, the expiry that the table there knows.
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
    """Encoded files, admitted when they come a second time.

    Args:
        budget: Bytes of memory to take.
        lifetime: How long entries are kept.
        clock: Seconds since the epoch: expiries are stored.
        on_evicted: Told how many entries left the memory, and why.
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
        """Bytes of memory that the entries take."""
        return self._memory.used

    @property
    def budget(self) -> int:
        """Bytes of memory that they may take."""
        return self._memory.budget

    def find(self, key: bytes, partition: int, lookup: Callable[[bytes], bytes | None]) -> Found | None:
        """Look a file up.

        Args:
            key: From `cache_key`.
            partition: The input's.
            lookup: Reads that partition's table.
        """
        now = self._clock()
        with self._lock:
            held = self._memory.get(key)
            if held is not None and now < held.expires:
                return Found(held.encoded, "memory", now - held.admitted, self._use(held, partition, now))
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
        return Found(entry.encoded, "table", now - entry.admitted, update)

    def offer(self, key: bytes, encoded: Encoded, partition: int) -> bytes | None:
        """Hear of a file that was not found and had to be made.

        Returns:
            The entry for the partition's table, or None: the first time a file is only remembered.
        """
        now = self._clock()
        with self._lock:
            if not self._sketch.seen(key):
                return None
        entry = Entry(encoded, now + self._lifetime.after(None), now, None)
        self._hold(key, _Held(entry, now, {partition: entry.expires}))
        return pack(entry)

    def resize(self, budget: int) -> None:
        """Change the bytes of memory to take, evicting no more than needed."""
        with self._lock:
            evicted = self._memory.resize(budget)
        if evicted:
            self._on_evicted("pressure", len(evicted))

    def sweep(self, most: int) -> None:
        """Remove expired entries among the next ones in memory, ``most`` of them at a time, round and round."""
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
        """Note a use; returns the entry for the table where that has none, or one that has lived half its time."""
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
