"""Facts that are remembered instead of being worked out again."""

import threading
from typing import Generic

from streams.cache.eviction import V
from streams.cache.lru import LRU


class Memo(Generic[V]):
    """The latest facts, by key. Thread-safe.

    Args:
        entries: Facts to remember.
    """

    def __init__(self, entries: int) -> None:
        self._facts: LRU[V] = LRU(entries)
        self._lock = threading.Lock()

    def recall(self, key: bytes) -> V | None:
        """Return what is remembered under a key, or None."""
        with self._lock:
            return self._facts.get(key)

    def remember(self, key: bytes, fact: V) -> None:
        """Remember it from now on, in place of what was recalled longest ago."""
        with self._lock:
            self._facts.put(key, fact, 1)
