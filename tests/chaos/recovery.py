"""How long it took until results flowed again. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.chaos.records import Place, Sent
from tests.chaos.verdict import Injected


def recovered(
    injected: Sequence[Injected], sent: Mapping[Place, Sent], arrivals: Mapping[Place, float]
) -> list[Injected]:
    """Complete faults with what came after them.

    Args:
        struck: The faults of one round.
        sent: Its inputs.
        arrivals: When the outcome of each input was first seen, in monotonic seconds.
    """
    timed = [replace(one, recovery_s=recovery_s(one.at, sent, arrivals)) for one in injected]
    return [replace(one, alone=_alone(one, timed)) for one in timed]


def recovery_s(at: float, sent: Mapping[Place, Sent], arrivals: Mapping[Place, float]) -> float | None:
    """Seconds until every partition had a result whose input was sent after ``at``; None if one never had.

    Partitions to which nothing was sent any more do not count.
    """
    first: dict[int, float] = {}
    for place, one in sent.items():
        if one.at > at:
            arrival = arrivals.get(place, float("inf"))
            first[place.partition] = min(arrival, first.get(place.partition, float("inf")))
    if not first or max(first.values()) == float("inf"):
        return None
    return max(first.values()) - at


def _alone(one: Injected, injected: Sequence[Injected]) -> bool:
    """Whether no other fault was at work, or still being recovered from, between a fault and its recovery."""

    def over(fault: Injected) -> float:
        return max(fault.healed_at, fault.at + (fault.recovery_s or 0.0))

    return not any(other is not one and other.at < over(one) and one.at < over(other) for other in injected)
