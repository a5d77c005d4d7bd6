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

    @property
    def idle(self) -> int:
        """The number of connections to healthy endpoints that are free."""
        pairs = zip(self.breakers, self.in_use, strict=True)
        return sum(self.connections - used for breaker, used in pairs if breaker.closed)

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

    def settle(self, index: int, reason: str | None, now: float) -> None:
        """Give a connection back after an operation.

        Args:
            index: The endpoint's index.
            reason: Why the store failed; None if it did not.
            now: The time in seconds.
        """
        self.in_use[index] -= 1
        if reason is None:
            self.breakers[index].succeed()
        else:
            self.breakers[index].fail(reason, now)

    def checked(self, index: int, reason: str | None, now: float) -> None:
        """Note the result of an endpoint's check; arguments as `settle`."""
        if reason is None:
            self.breakers[index].check_succeeded(now)
        else:
            self.breakers[index].check_failed(reason, now)
