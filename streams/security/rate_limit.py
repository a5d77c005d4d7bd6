"""At most so many requests of an address in any second: a sliding window.

A token bucket with room for ten lets nineteen through in its first second.
"""

from collections import OrderedDict, deque
from collections.abc import Hashable

_NANOSECONDS = 10**9


class SlidingWindow:
    """Counts the requests of each address that were allowed.

    Of addresses beyond the capacity, the one that was quiet for longest is forgotten, and begins anew.

    Args:
        limit: Requests of an address that are allowed in any window.
        window: Its length in seconds.
        capacity: Addresses that are remembered.
    """

    def __init__(self, limit: int = 10, window: int = 1, capacity: int = 100_000) -> None:
        self._limit = limit
        self._window = window * _NANOSECONDS
        self._capacity = capacity
        self._allowed: OrderedDict[Hashable, deque[int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._allowed)

    def wait(self, address: Hashable, now: int) -> int:
        """Count a request, if it is allowed.

        Args:
            address: Whose it is.
            now: A monotonic clock's time, in nanoseconds.

        Returns:
            0 if it is allowed; otherwise the nanoseconds after which one will be.
        """
        times = self._allowed.get(address)
        if times is None:
            times = self._allowed[address] = deque(maxlen=self._limit)
            if len(self._allowed) > self._capacity:
                self._allowed.popitem(last=False)
        else:
            self._allowed.move_to_end(address)
        if len(times) == self._limit and now - times[0] < self._window:
            return times[0] + self._window - now
        times.append(now)
        return 0


def retry_after(wait: int) -> int:
    """The value of ``Retry-After`` for a wait in nanoseconds: whole seconds, rounded up."""
    return -(-wait // _NANOSECONDS)
