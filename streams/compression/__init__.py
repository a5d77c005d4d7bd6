"""Choosing how to compress a clip, and doing it; pure, so that results can be cached by samples and plan."""

from streams.compression.compress import encode, smallest
from streams.compression.plan import Plan, choose

__all__ = ["Plan", "choose", "encode", "smallest"]
