"""Erasure in the commands: what ``erase`` and ``keys turn`` do."""
