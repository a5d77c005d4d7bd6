"""A memo: recent results of computations, kept to avoid computing them again."""

import threading
from typing import Generic

from streams.cache.eviction import V
from streams.cache.lru import LRU


class Memo(Generic[V]):
    """Recent results by key; the least recently used one is replaced. Thread-safe.

    Args:
        entries: Largest number of results.
    """

    def __init__(self, entries: int) -> None:
        self._results: LRU[V] = LRU(entries)
        self._lock = threading.Lock()

    def recall(self, key: bytes) -> V | None:
        """Return the result of a key, or None."""
        with self._lock:
            return self._results.get(key)

    def remember(self, key: bytes, result: V) -> None:
        """Keep the result of a key, in place of the least recently used one."""
        with self._lock:
            self._results.put(key, result, 1)
