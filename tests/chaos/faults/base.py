"""What every fault is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from random import Random
from typing import ClassVar, TypeVar

from tests.chaos.scene import Scene

_One = TypeVar("_One")


class Fault(ABC):
    """One thing that breaks, with parameters of its own.

    Args:
        chance: Draws the parameters; the same chance, the same fault.

    Attributes:
        name: Of the class, as the command and the report call it.
        needs_mounts: Whether it needs the right to mount file systems.
        lasts: Seconds from the injection to the healing.
        what: What was hit, for people; known once it was injected.
        struck_at: When it was hit, in monotonic seconds, where that took some preparation.
        complaints: What workers did not do meanwhile that they must do.
    """

    name: ClassVar[str]
    needs_mounts: ClassVar[bool] = False

    def __init__(self, chance: Random) -> None:
        self.lasts = 0.0
        self.what = ""
        self.struck_at: float | None = None
        self.complaints: list[str] = []
        self._chance = chance
        self._where = chance.random()

    @abstractmethod
    async def inject(self, scene: Scene) -> None:
        """Break it."""

    async def heal(self, scene: Scene) -> None:  # noqa: B027  most faults heal by themselves
        """Take the cause away, where it does not go by itself."""

    def _one_of(self, choices: Sequence[_One]) -> _One:
        """The victim: drawn beforehand, whatever there is to choose from when the time comes."""
        return choices[int(self._where * len(choices))]
