"""The events of the run that a picture shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the run.

    Attributes:
        at: Its time in seconds since 1970.
        what: Its description.
    """

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The events of a run.

    Attributes:
        begin: Begin of the run in seconds since 1970.
        end: End of the run in seconds since 1970.
        events: What was done to the workers, in order.
        moments: Times at which the tiles are shown.
    """

    begin: float
    end: float
    events: tuple[Event, ...]
    moments: tuple[Event, ...]

    def minutes(self, at: float) -> float:
        """Minutes since the beginning."""
        return (at - self.begin) / 60
