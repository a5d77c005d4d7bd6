"""Calls out of their results: what came of each track, what is missing, and whether a call is complete.

Pure: it knows neither Kafka nor audio libraries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from schemas import Channel
from streams.clients.errors import ExtraRequiredError
from streams.clients.track_parts import Gap, Segment

if TYPE_CHECKING:
    from streams.audio import Clip

#: The problem of a call that has not ended, as far as is known.
NO_END = "no segment with ce_final has come"


@dataclass(frozen=True, slots=True)
class Track:
    """One channel of a call: the segments of one media stream, in order.

    Attributes:
        name: The channel, or ``any`` without one; a further track of the same channel is ``guest.2`` and so on.
        channel: The channel.
        stream_id: The media stream.
        parts: Segments by their number, with a `Gap` where some are missing. Segments without a number are in the order
            of the topic.
        repeated: Segments that came again with the same audio, and are left out.
        differing: Segments with a number that came before with other audio, and are left out.
    """

    name: str
    channel: Channel | None
    stream_id: str
    parts: tuple[Segment | Gap, ...]
    repeated: tuple[Segment, ...] = ()
    differing: tuple[Segment, ...] = ()

    @property
    def segments(self) -> list[Segment]:
        """The segments that came."""
        return [part for part in self.parts if isinstance(part, Segment)]

    @property
    def gaps(self) -> list[Gap]:
        """The missing segments."""
        return [part for part in self.parts if isinstance(part, Gap)]

    @property
    def duration_ms(self) -> int:
        """Length in milliseconds, with silence in the gaps."""
        return sum(_duration_ms(part) for part in self.parts)

    @property
    def begin(self) -> datetime | None:
        """When it began, by ``ce_time`` of the first segment that has one; None if none has."""
        before_ms = 0
        for part in self.parts:
            if isinstance(part, Segment) and part.result.time is not None:
                try:
                    return part.result.time - timedelta(milliseconds=before_ms)
                except OverflowError:  # a sender's clock may say anything
                    return part.result.time
            before_ms += _duration_ms(part)
        return None

    def join(self) -> "Clip":
        """Decode the segments and join them, without any sample added or lost between them, all in memory.

        Segments with a lower rate or fewer channels than others are converted. Missing segments, and those that cannot
        be used, become silence of their length.

        Returns:
            The audio: ``samples`` of shape (frames, channels), and their ``rate`` in Hz.

        Raises:
            AudioNotFetchedError: If a segment's file was too large to come with it.
            ExtraRequiredError: Where the audio libraries are not installed, which the extra ``worker`` brings.
        """
        try:
            from streams.clients.joining import join  # noqa: PLC0415 - the audio libraries
        except ModuleNotFoundError as error:
            raise ExtraRequiredError(
                f"the Python package {error.name} is missing; install 'hotel-audio-streams[worker]', which brings it"
            ) from error
        return join(self.parts)


@dataclass(frozen=True, slots=True)
class Call:
    """A call, or the segments of it that have arrived.

    Attributes:
        hotel_id: The hotel.
        call_id: The call.
        tracks: Its channels.
        final: Whether a segment with ``ce_final`` has come.
        continued: Whether these are only the segments after those that were handed out before.
    """

    hotel_id: str
    call_id: str
    tracks: tuple[Track, ...]
    final: bool
    continued: bool = False

    @property
    def complete(self) -> bool:
        """Whether it is here from beginning to end, no segment is missing, and all are intact."""
        return not self.problems

    @property
    def problems(self) -> list[str]:
        """Why the call is not complete, one line each."""
        found = [f"{track.name}: {line}" for track in self.tracks for line in _problems(track)]
        if self.continued:
            found.insert(0, "its beginning was handed out before")
        return found if self.final else [*found, NO_END]

    @property
    def notes(self) -> list[str]:
        """What else is unusual about it, one line each."""
        return [f"{track.name}: {line}" for track in self.tracks for line in _notes(track)]

    @property
    def begin(self) -> datetime | None:
        """When its first track began; None if the segments have no times."""
        return min((track.begin for track in self.tracks if track.begin is not None), default=None)

    @property
    def duration_ms(self) -> int:
        """From the begin of the first track to the end of the last one, in milliseconds."""
        begin = self.begin
        ends = (_since(begin, track) + track.duration_ms for track in self.tracks)
        return max(ends, default=0)

    @property
    def segment_count(self) -> int:
        """Number of segments that came, without repeated ones."""
        return sum(len(track.segments) for track in self.tracks)

    @property
    def missing_count(self) -> int:
        """Number of missing segments."""
        return sum(gap.count for track in self.tracks for gap in track.gaps)


def _duration_ms(part: Segment | Gap) -> int:
    return part.duration_ms if isinstance(part, Gap) else part.result.duration_ms


def _since(begin: datetime | None, track: Track) -> int:
    """Milliseconds from a time to the begin of a track; 0 if one of them is unknown."""
    if begin is None or track.begin is None:
        return 0
    return round((track.begin - begin) / timedelta(milliseconds=1))


def _problems(track: Track) -> Iterator[str]:
    for gap in track.gaps:
        which = f"segment {gap.first} is" if gap.count == 1 else f"segments {gap.first} to {gap.last} are"
        yield f"{which} missing" + ("" if gap.duration_ms else ", and nothing stands in for them")
    for one in track.segments:
        if not one.intact:
            yield f"{_which(one)} {one.problem}"


def _notes(track: Track) -> Iterator[str]:
    if track.repeated:
        count = len(track.repeated)
        yield f"{count} {'segment' if count == 1 else 'segments'} came more than once; each counts once"
    for one in track.differing:
        yield f"{_which(one)} came again with other audio, which is left out"


def _which(segment: Segment) -> str:
    number = segment.result.sequence
    return f"segment {number}" if number is not None else f"the segment at offset {segment.position.offset}"
