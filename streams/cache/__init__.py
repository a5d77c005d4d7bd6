"""What the cache keeps, for whom and how long: pure, no storage; only `TieredCache` is safe to share by threads."""

from streams.cache.admission import admits
from streams.cache.entry import cache_key, expiry
from streams.cache.lifetime import Lifetime
from streams.cache.memo import Memo
from streams.cache.scaling import MemoryUse, scaled_budget
from streams.cache.tiers import Found, Reason, TieredCache

__all__ = [
    "Found",
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
