"""The cache of encoded files: admission, lifetime and eviction. Pure, no storage; only `TieredCache` is thread-safe."""

from streams.cache.admission import admits
from streams.cache.entry import cache_key, expiry
from streams.cache.lifetime import Lifetime
from streams.cache.memo import Memo
from streams.cache.scaling import MemoryUse, scaled_budget
from streams.cache.tiers import CacheHit, Reason, TieredCache

__all__ = [
    "CacheHit",
    "Lifetime",
    "Memo",
    "MemoryUse",
    "Reason",
    "TieredCache",
    "admits",
    "cache_key",
    "expiry",
    "scaled_budget",
]
