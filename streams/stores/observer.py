"""What a pool tells about itself: the interface of its metrics and its log."""

from typing import Protocol

from streams.stores.breaker import Snapshot


class PoolObserver(Protocol):
    """Receives what happens in pools; called from any thread."""

    def attempt(self, store: str, endpoint: str, operation: str, seconds: float, reason: str | None) -> None:
        """Note that an operation was tried at an endpoint.

        Args:
            store: The store's URI.
            endpoint: The endpoint's address.
            operation: ``put``, ``get``, ``list``, ``delete`` or ``check``.
            seconds: How long it took.
            reason: Why the store failed; None if it did not.
        """

    def failover(self, store: str, endpoint: str) -> None:
        """Note that an operation which failed at an endpoint goes on at another one."""

    def changed(self, store: str, endpoint: str, state: Snapshot) -> None:
        """Note that an endpoint's breaker has changed its state."""


class NoObserver:
    """Ignores what happens."""

    def attempt(self, store: str, endpoint: str, operation: str, seconds: float, reason: str | None) -> None:
        """Ignore it."""

    def failover(self, store: str, endpoint: str) -> None:
        """Ignore it."""

    def changed(self, store: str, endpoint: str, state: Snapshot) -> None:
        """Ignore it."""
