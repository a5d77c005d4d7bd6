"""What the pool adds to an operation of obstore's."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import obstore

from schemas import Rejection
from streams.stores import ObjectReference, Stores
from streams.stores.connecting import PART

_MICROSECONDS = 1e6


@dataclass(frozen=True, slots=True)
class Overhead:
    """Medians in microseconds.

    Attributes:
        bare: A read by obstore alone.
        pooled: The same read through the pool, alternating with those.
        machinery: The pool with an operation that does nothing: what it adds, free of the store's own variance.
    """

    bare: float
    pooled: float
    machinery: float

    @property
    def added(self) -> float:
        """What the pool adds, in microseconds; noisy where the store is."""
        return self.pooled - self.bare


def measure(stores: Stores, operations: int, advance: Callable[[], None]) -> Overhead:
    """Read one small object often, in turns with the pool and without.

    Args:
        stores: Stores with a healthy endpoint.
        operations: How often, each way.
        advance: Called after each.
    """
    reference = stores.put("bench/overhead", bytes(20_000))
    pool = stores.pools[0]
    client = pool.endpoints[0].client()
    bare, pooled, machinery = [], [], []
    for _ in range(operations):
        bare.append(_seconds(lambda: bytes(obstore.get(client, reference.key, options={"range": (0, PART)}).bytes())))
        pooled.append(_seconds(lambda: _read(stores, reference)))
        machinery.append(_seconds(lambda: pool.run("get", lambda _: None)))
        advance()
    stores.delete(reference)
    return Overhead(*(statistics.median(times) * _MICROSECONDS for times in (bare, pooled, machinery)))


def _read(stores: Stores, reference: ObjectReference) -> bytes | Rejection:
    return stores.read(reference, limit=PART)


def _seconds(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun
