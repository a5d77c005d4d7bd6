"""Replays a trace against caches: ours, other libraries', and the optimum."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import cachebox
import numpy as np
import theine
from numpy.typing import NDArray

from scripts.benchmarks.cache.belady import belady
from scripts.benchmarks.cache.traces import Trace
from streams.cache.adaptive import Adaptive
from streams.cache.eviction import SizedCache
from streams.cache.lfu import LFU
from streams.cache.lru import LRU
from streams.cache.repetition import RepetitionSketch

Hits = NDArray[np.bool_]

#: Keys that the sketch remembers, as in `streams.cache.tiers`.
_REMEMBERED = 65_536


class Replayed(Protocol):
    """The interface of a replayed cache."""

    def get(self, key: bytes) -> object | None:
        """Return a value if the key is cached."""
        ...

    def put(self, key: bytes, value: object, size: int, /) -> object:
        """Offer a key that was missing."""
        ...


@dataclass(frozen=True, slots=True)
class Score:
    """The score of a cache on a trace.

    Attributes:
        hit_rate: Share of the requests that are hits.
        byte_hit_rate: Share of the requested bytes that are hits.
        warm_hit_rate: The hit rate of items that are requested more than once, in the second half of the trace.
        ns_per_op: Nanoseconds of CPU per request, including the work after a miss; None for the optimum.
    """

    hit_rate: float
    byte_hit_rate: float
    warm_hit_rate: float
    ns_per_op: float | None = None


class _Admitting:
    """A cache behind admission by repetition, as in the product."""

    def __init__(self, cache: SizedCache[object]) -> None:
        self._cache = cache
        self._sketch = RepetitionSketch(_REMEMBERED)
        self.get = cache.get

    def put(self, key: bytes, value: object, size: int) -> None:
        if self._sketch.seen(key):
            self._cache.put(key, value, size)


class _Cachebox:
    """A cache of cachebox, whose entries carry their sizes as values."""

    def __init__(
        self, kind: type[cachebox.LRUCache[bytes, int]] | type[cachebox.LFUCache[bytes, int]], budget: int
    ) -> None:
        self._cache = kind(budget, getsizeof=_second)
        self._budget = budget
        self.get = self._cache.get

    def put(self, key: bytes, _value: object, size: int) -> None:
        if size <= self._budget:  # it raises otherwise
            self._cache.insert(key, size)


def _second(_key: bytes, size: int) -> int:
    return size


class _Theine:
    """theine counts entries, not bytes: it gets as many as fit on average."""

    def __init__(self, entries: int) -> None:
        self._cache = theine.Cache[bytes, object](entries, nolock=True)

    def get(self, key: bytes) -> object | None:
        value, found = self._cache.get(key)
        return value if found else None

    def put(self, key: bytes, value: object, _size: int) -> None:
        self._cache.set(key, value)


#: Makes a cache for a trace and a budget in bytes.
Maker = Callable[[Trace, int], Replayed]


def _sized(make: Callable[[int], Replayed]) -> Maker:
    return lambda _trace, budget: make(budget)


def _theine(trace: Trace, budget: int) -> Replayed:
    return _Theine(max(1, round(budget / trace.sizes[trace.items].mean())))


#: The product's policies by name; each is made for a trace and a budget in bytes.
POLICIES: Mapping[str, Maker] = {
    "lru": _sized(LRU),
    "lfu": _sized(LFU),
    "adaptive": _sized(Adaptive),
    "adaptive, admission by repetition": _sized(lambda budget: _Admitting(Adaptive(budget))),
}

#: Other libraries' policies, in the same form.
PEERS: Mapping[str, Maker] = {
    "cachebox LRU": _sized(lambda budget: _Cachebox(cachebox.LRUCache, budget)),
    "cachebox LFU": _sized(lambda budget: _Cachebox(cachebox.LFUCache, budget)),
    "theine W-TinyLFU": _theine,
}


def replay(trace: Trace, cache: Replayed) -> tuple[Hits, float]:
    """Send a trace's requests to a cache, and offer it the missing items.

    Returns:
        Whether each request is a hit, and the nanoseconds of CPU for one.
    """
    known = trace.keys()
    keys = [known[item] for item in trace.items.tolist()]
    sizes = trace.sizes[trace.items].tolist()
    get, put = cache.get, cache.put
    hits = bytearray(len(keys))
    started = time.process_time_ns()
    for position, key in enumerate(keys):
        if get(key) is not None:
            hits[position] = 1
        else:
            put(key, True, sizes[position])
    spent = time.process_time_ns() - started
    return np.frombuffer(hits, dtype=np.bool_), spent / len(keys)


def measure(trace: Trace, budget: int, make: Maker) -> Score:
    """Replay a trace against one of `POLICIES` or `PEERS`."""
    hits, nanoseconds = replay(trace, make(trace, budget))
    return _score(trace, hits, nanoseconds)


def optimum(trace: Trace, budget: int) -> Score:
    """The scores of Belady's optimum; where sizes differ, each rate is that of the better variant (see `belady`)."""
    by_size = _score(trace, belady(trace, budget, by_size=True))
    plain = _score(trace, belady(trace, budget, by_size=False))
    return Score(
        max(by_size.hit_rate, plain.hit_rate),
        max(by_size.byte_hit_rate, plain.byte_hit_rate),
        max(by_size.warm_hit_rate, plain.warm_hit_rate),
    )


def _score(trace: Trace, hits: Hits, ns_per_op: float | None = None) -> Score:
    sizes = trace.sizes[trace.items]
    warm = trace.repeatable
    warm[: len(trace) // 2] = False
    return Score(
        float(hits.mean()),
        float(sizes[hits].sum() / sizes.sum()),
        float(hits[warm].mean()) if warm.any() else 0.0,
        ns_per_op,
    )
