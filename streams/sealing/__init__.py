"""Reads and writes the topic of data keys, ``audio.keys``."""

from streams.sealing.key_commits import KeyCommits
from streams.sealing.key_maker import KeyMaker
from streams.sealing.key_ring import KeyRing

__all__ = ["KeyCommits", "KeyMaker", "KeyRing"]
