"""What the cache table keeps, and for whom: pure functions, no storage."""

from streams.cache.admission import admits
from streams.cache.entry import cache_key, pack, unpack

__all__ = ["admits", "cache_key", "pack", "unpack"]
