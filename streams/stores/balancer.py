"""Which endpoint of a store gets the next operation: pure, with the time as an argument."""

from collections.abc import Collection

from streams.stores.breaker import Breaker


class Balancer:
    """Shares operations among the endpoints of one store, round robin over those that may have them.

    Args:
        endpoints: The number of endpoints.
        connections: Operations at one endpoint at the same time, at most.
        interval: Seconds between two checks of a healthy endpoint.
        now: The time in seconds.
    """

    def __init__(self, endpoints: int, connections: int, interval: float, now: float) -> None:
        self.connections = connections
        self.breakers = [Breaker(interval, now) for _ in range(endpoints)]
        self.in_use = [0] * endpoints
        self._next = 0

    @property
    def healthy(self) -> int:
        """The number of endpoints that are healthy."""
        return sum(breaker.closed for breaker in self.breakers)

    def acquire(self, avoid: Collection[int] = ()) -> int | None:
        """Choose an endpoint and take one of its connections.

        Args:
            avoid: Endpoints that are chosen only if there is no other that lets operations pass: they have just failed.

        Returns:
            The endpoint's index; None if there is none now.
        """
        count = len(self.breakers)
        order = [(self._next + step) % count for step in range(count)]
        passing = [index for index in order if self.breakers[index].lets_pass]
        preferred = [index for index in passing if index not in avoid] or passing
        for index in preferred:
            if self.in_use[index] < self.connections:
                self._next = (index + 1) % count
                self.in_use[index] += 1
                self.breakers[index].begin()
                return index
        return None

    def succeeded(self, index: int) -> None:
        """Give a connection back after an operation that succeeded."""
        self.in_use[index] -= 1
        self.breakers[index].succeed()

    def failed(self, index: int, reason: str, now: float) -> None:
        """Give a connection back after an operation that failed; arguments as `Breaker.fail`."""
        self.in_use[index] -= 1
        self.breakers[index].fail(reason, now)
