"""The decoder's cage: strangers' files are parsed in child processes that can do nothing else, and may die of it."""

from streams.isolation.cage import Cage, CageError

__all__ = ["Cage", "CageError"]
