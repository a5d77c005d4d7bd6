"""The base class of all faults."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar, TypeVar

from tests.chaos.scene import Scene

_One = TypeVar("_One")


class Fault(ABC):
    """A fault with random parameters.

    Args:
        chance: Draws the parameters; an equal generator gives an equal fault.

    Attributes:
        name: The fault's name in the command and in reports.
        needs_mounts: Whether it mounts file systems.
        needs_stores: Whether it needs object stores.
        needs_sealing: Whether it needs workers that seal.
        needs_secure: Whether it needs a secure cluster.
        reads_requests: Whether it needs proxies that recognise requests, which those in TLS are not.
        lasts: Seconds from injection to repair.
        what: A description of the victim; known after injection.
        injected_at: Monotonic seconds of the injection, where preparation precedes it.
        problems: Requirements that workers violated meanwhile.
    """

    name: ClassVar[str]
    needs_mounts: ClassVar[bool] = False
    needs_stores: ClassVar[bool] = False
    needs_sealing: ClassVar[bool] = False
    needs_secure: ClassVar[bool] = False
    reads_requests: ClassVar[bool] = False

    def __init__(self, chance: Random) -> None:
        self.lasts = 0.0
        self.what = ""
        self.injected_at: float | None = None
        self.problems: list[str] = []
        self._chance = chance
        self._where = chance.random()

    @abstractmethod
    async def inject(self, scene: Scene) -> None:
        """Inject the fault."""

    async def heal(self, scene: Scene) -> None:  # noqa: B027  most faults need no repair
        """Remove the cause, where that is needed."""

    def _one_of(self, choices: Sequence[_One]) -> _One:
        """Choose a victim by a number that was drawn at construction, so that equal seeds choose alike."""
        return choices[int(self._where * len(choices))]
