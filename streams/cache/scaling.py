"""Adapts the cache's memory budget to the memory use of the whole process."""

from dataclasses import dataclass

_AIM = 0.85  # share of the limit that the process should use at most
_STEP = 0.125  # share of the largest budget by which the budget changes in one step
_CALM = 0.05  # share of the limit: the budget grows only this far below the aim, so that it does not oscillate


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """Memory use of the process, and its limit.

    Attributes:
        used: Bytes in use.
        limit: Limit in bytes.
    """

    used: int
    limit: int


def scaled_budget(budget: int, most: int, cached: int, memory: MemoryUse | None) -> int:
    """Return the cache's next budget in bytes; to be called about every second.

    While the process uses more than 85 % of its limit, the budget shrinks by the excess, by at most an eighth of the
    largest budget at a time. Below, it grows in the same steps, and never by more than half of the free memory.

    Args:
        budget: The present budget, in bytes.
        most: The largest budget, in bytes.
        cached: Total size of the cache's entries, in bytes.
        memory: Memory use of the process, or None if it has no limit.
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
