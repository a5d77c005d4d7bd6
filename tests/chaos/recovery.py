"""Recovery times of faults. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tests.chaos.records import Place, SentInput
from tests.chaos.verdict import Injected


def recovered(
    injected: Sequence[Injected], sent: Mapping[Place, SentInput], arrivals: Mapping[Place, float]
) -> list[Injected]:
    """Add recovery times to faults.

    Args:
        injected: The faults of one round.
        sent: Its inputs.
        arrivals: By input, monotonic seconds of its first outcome.
    """
    timed = [replace(one, recovery_s=recovery_s(one.at, sent, arrivals)) for one in injected]
    return [replace(one, alone=_alone(one, timed)) for one in timed]


def recovery_s(at: float, sent: Mapping[Place, SentInput], arrivals: Mapping[Place, float]) -> float | None:
    """Seconds until every partition had an outcome of an input that was sent after ``at``; None if one never had.

    Partitions without later inputs do not count.
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
    """Whether no other fault, including its recovery, overlapped with a fault and its recovery."""

    def over(fault: Injected) -> float:
        return max(fault.healed_at, fault.at + (fault.recovery_s or 0.0))

    return not any(other is not one and other.at < over(one) and one.at < over(other) for other in injected)
