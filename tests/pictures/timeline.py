"""When what happened in the run that a picture shows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was going on.

    Attributes:
        at: In seconds since 1970.
        what: In some words.
    """

    at: float
    what: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """A run from its beginning to its end.

    Attributes:
        begin: In seconds since 1970.
        end: Likewise.
        events: What was done to the workers, in order.
        moments: At which the tiles are shown.
    """

    begin: float
    end: float
    events: tuple[Event, ...]
    moments: tuple[Event, ...]

    def minutes(self, at: float) -> float:
        """Minutes since the beginning."""
        return (at - self.begin) / 60
