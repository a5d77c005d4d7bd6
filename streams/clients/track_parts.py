"""The parts of a call's track: segments that came, and gaps where some are missing."""

from dataclasses import dataclass

from schemas import CompressedAudio, Position

#: Longest silence that replaces missing segments; a number that jumps further says nothing about time.
LONGEST_GAP_MS = 12 * 3_600_000


@dataclass(frozen=True, slots=True)
class Segment:
    """One result of a call.

    Attributes:
        result: The result; whoever keeps the audio elsewhere leaves it empty here, as does a reference to it.
        position: Its place in the topic ``audio.compressed``.
        appended_ms: When its broker appended it, in milliseconds since the epoch.
        sha256: SHA-256 by its header, in hex.
        problem: What is wrong with the file, such as that it is not the one that ``ce_sha256`` describes; None if
            nothing is known.
    """

    result: CompressedAudio
    position: Position
    appended_ms: int
    sha256: str
    problem: str | None = None

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong with the file, as far as that is known."""
        return self.problem is None


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing segments of a track, one after the other.

    Attributes:
        first: Number of the first missing segment.
        last: Number of the last one.
        duration_ms: Length of the silence for them; 0 if it is unknown, or longer than `LONGEST_GAP_MS`.
        by_times: Whether the length follows from the times of the segments before and after; otherwise each missing
            segment counts with the usual length.
    """

    first: int
    last: int
    duration_ms: int
    by_times: bool

    @property
    def count(self) -> int:
        """How many segments are missing."""
        return self.last - self.first + 1
