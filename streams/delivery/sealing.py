"""Sealing of outputs as a lane needs it: in the order of the inputs, right before the transaction."""

from collections.abc import Callable, Collection
from typing import Any, Protocol

from streams.delivery.outcome import InputRecord, Outcome


class Sealer(Protocol):
    """Seals what is about to be committed. All calls are on the event loop, by the committer alone.

    It runs at the commit, and not when an input is processed, because a call's key has to be committed before or with
    the first record that is sealed by it, and inputs are processed in any order.
    """

    async def ready(self, inputs: Collection[tuple[InputRecord, Outcome[Any]]], goes_on: Callable[[], bool]) -> bool:
        """Wait until everything that becomes of these inputs can be sealed, or need not be.

        Args:
            inputs: The inputs and what became of each.
            goes_on: Whether to wait longer. If it says no, the inputs are left to the partitions' next owners.
        """

    def sealed(self, record: InputRecord, outcome: Outcome[Any]) -> Outcome[Any]:
        """The outcome of an input as it is written, with the records of the keys that are new."""


class NoSealer:
    """A `Sealer` that leaves everything in clear."""

    async def ready(
        self,
        inputs: Collection[tuple[InputRecord, Outcome[Any]]],  # noqa: ARG002  as `Sealer`
        goes_on: Callable[[], bool],  # noqa: ARG002
    ) -> bool:
        """Wait for nothing."""
        return True

    def sealed(self, record: InputRecord, outcome: Outcome[Any]) -> Outcome[Any]:  # noqa: ARG002  as `Sealer`
        """Return the outcome as it is."""
        return outcome
