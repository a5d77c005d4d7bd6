"""Time to live of an entry after a use: as long as another use is likely."""

from dataclasses import dataclass

_SHORTEST, _LONGEST = 0.5, 24.0  # factors of the setting
_LIFETIME_GAPS = 4.0  # mean gaps between uses; with random uses, one gap in fifty is longer
_WEIGHT = 0.25  # weight of the latest gap in the mean


@dataclass(frozen=True, slots=True)
class Lifetime:
    """Time to live of entries.

    Attributes:
        typical: Seconds to live while the gaps between uses are unknown. Half of it is the shortest time to live, and
            24 times of it the longest.
    """

    typical: float

    def after(self, gap: float | None) -> float:
        """Return the seconds to live from a use on.

        Args:
            gap: Mean seconds between two uses, or None after a single use.
        """
        if gap is None:
            return self.typical
        return min(max(_LIFETIME_GAPS * gap, _SHORTEST * self.typical), _LONGEST * self.typical)


def mean_gap(mean: float | None, latest: float) -> float:
    """Update the exponentially weighted mean of the gaps between uses, in seconds."""
    return latest if mean is None else mean + _WEIGHT * (latest - mean)
