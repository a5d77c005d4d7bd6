"""Bugs in sealing."""

from collections.abc import Callable, Collection
from typing import Any

from streams.delivery.outcome import InputRecord, Outcome
from streams.runtime.sealing import RecordSealer
from streams.security.sealing.missing import Missing
from tests.chaos.seeded_bugs.patch import Patch
from tests.chaos.seeded_bugs.writing import write_outside


def write_in_clear_without_keys(patch: Patch) -> None:
    """Write in clear what has to be sealed, while keys are missing or what is known of them is too old."""
    seal = RecordSealer.sealed

    async def ready(
        self: RecordSealer, inputs: Collection[tuple[InputRecord, Outcome[Any]]], goes_on: Callable[[], bool]
    ) -> bool:
        del inputs, goes_on
        self._anew.clear()
        self._wanted = self.wanted
        epoch = self._ring.newest
        self._epoch = None if isinstance(epoch, Missing) else epoch
        return True

    def sealed(self: RecordSealer, record: InputRecord, outcome: Outcome[Any]) -> Outcome[Any]:
        return outcome if self._epoch is None else seal(self, record, outcome)

    patch(RecordSealer, "ready", ready)
    patch(RecordSealer, "sealed", sealed)


def key_records_outside_the_transaction(patch: Patch) -> None:
    """Write the records of new data keys in a separate transaction, then what they seal."""
    write_outside(patch, lambda output: output.topic.endswith("audio.keys"))
