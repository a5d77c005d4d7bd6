"""How much memory the cache may take while the rest of the process needs some too."""

from dataclasses import dataclass

_AIM = 0.85  # of the limit: where the process should stay
_STEP = 0.125  # of the most that the cache may take, in one step of growth or shrinking
_CALM = 0.05  # of the limit: growth begins this far below the aim, so that the budget does not swing


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What a process uses, and what it may.

    Attributes:
        used: Bytes.
        limit: Bytes.
    """

    used: int
    limit: int


def scaled_budget(budget: int, most: int, cached: int, memory: MemoryUse | None) -> int:
    """The cache's next budget; to be asked every second or so.

    Over its aim a process takes from the cache what it is over by, no more than an eighth of the most at once. Below,
    the budget grows by the same steps, and never by more than half of the room there is.

    Args:
        budget: The present one, in bytes.
        most: What the operator allows, in bytes.
        cached: Bytes that the cache holds.
        memory: What the process uses, or None where it has no limit.
    """
    if memory is None:
        return most
    room = int(memory.limit * _AIM) - memory.used
    step = max(1, int(most * _STEP))
    if room < 0:
        return max(0, min(budget, max(cached - min(-room, step), 0)))
    if room > memory.limit * _CALM:
        return min(most, budget + min(step, room // 2))
    return budget
