"""Search of many byte patterns at once, at some hundred megabytes a second."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from scripts.proving.patterns import Pattern

_FIRST, _SECOND = 1, 2
_PREFIX = 4


class Matcher:
    """Finds patterns in buffers: a table of byte pairs leaves few positions, which are compared."""

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        """Prepare the search for patterns of at least four bytes."""
        self._flags = np.zeros(2**16, np.uint8)
        self._by_prefix: dict[bytes, list[Pattern]] = defaultdict(list)
        for pattern in patterns:
            first, second = np.frombuffer(pattern.content[:_PREFIX], "<u2")
            self._flags[first] |= _FIRST
            self._flags[second] |= _SECOND
            self._by_prefix[pattern.content[:_PREFIX]].append(pattern)
        self.longest = max(len(pattern.content) for pattern in patterns)

    def find(self, data: bytes, end: int) -> Iterator[tuple[int, Pattern]]:
        """Positions before ``end`` at which a pattern begins, and the pattern."""
        for parity in range(2):
            pairs = np.frombuffer(data, "<u2", max(0, len(data) - parity) // 2, parity) if len(data) > parity else None
            if pairs is None or len(pairs) < _PREFIX // 2:
                continue
            flags = self._flags[pairs]
            for index in np.flatnonzero((flags[:-1] & _FIRST) & (flags[1:] >> 1)):
                position = 2 * int(index) + parity
                if position < end:
                    yield from self._at(data, position)

    def _at(self, data: bytes, position: int) -> Iterator[tuple[int, Pattern]]:
        for pattern in self._by_prefix.get(data[position : position + _PREFIX], ()):
            if data.startswith(pattern.content, position):
                yield position, pattern
