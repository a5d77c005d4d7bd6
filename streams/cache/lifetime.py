"""How long an entry is kept after a use: as long as the next one is likely to come."""

from dataclasses import dataclass

_SHORTEST, _LONGEST = 0.5, 24.0  # times the setting
_PATIENCE = 4.0  # mean gaps; of uses at random one in fifty takes longer
_WEIGHT = 0.25  # of the latest gap in the mean


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Bounds for the time to live.

    Attributes:
        typical: Seconds that an entry lives as long as nothing is known of its gaps; the bounds are half of it and a
            day for each hour of it.
    """

    typical: float

    def after(self, gap: float | None) -> float:
        """Seconds to live from a use on.

        Args:
            gap: Mean seconds between two uses, or None before the second one.
        """
        if gap is None:
            return self.typical
        return min(max(_PATIENCE * gap, _SHORTEST * self.typical), _LONGEST * self.typical)


def mean_gap(mean: float | None, latest: float) -> float:
    """The mean of the gaps between uses, in seconds, once another one is known; older ones fade."""
    return latest if mean is None else mean + _WEIGHT * (latest - mean)
