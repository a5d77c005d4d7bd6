"""Results that are remembered instead of being worked out again."""

import threading
from collections.abc import Callable
from typing import Generic

from streams.cache.eviction import V
from streams.cache.lru import LRU


class Memo(Generic[V]):
    """The latest results of a pure function. Thread-safe; two threads may work out the same result at the same time.

    Args:
        entries: Results to remember.
    """

    def __init__(self, entries: int) -> None:
        self._results: LRU[V] = LRU(entries)
        self._lock = threading.Lock()

    def recall(self, key: bytes, work_out: Callable[[], V]) -> V:
        """Return the result for a key, from ``work_out`` where it is not remembered."""
        with self._lock:
            known = self._results.get(key)
        if known is not None:
            return known
        result = work_out()
        with self._lock:
            self._results.put(key, result, 1)
        return result
