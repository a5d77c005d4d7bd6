"""Recordings as the pages show them, from the API's documents."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from streams.console.rendering import path_of
from streams.console.words import ratio_words

_ENDINGS = {"audio/flac": "flac", "audio/mpeg": "mp3", "audio/ogg": "ogg", "audio/wav": "wav"}


@dataclass(frozen=True, slots=True)
class Segment:
    """One recording or segment of a call.

    Attributes:
        id: Its id in URLs.
        hotel: Its hotel; empty if the input does not say.
        call: Its call; empty if the input does not say.
        channel: Its channel, ``unnamed`` if it has none.
        number: Its number within the stream, as text.
        state: What became of it.
        time: When it began.
        start_ms: When it begins within the call.
        duration_ms: Its length; None while it is not known.
        before: Bytes before compression.
        after: Bytes after it; None without a result.
        before_type: Media type of the original.
        after_type: Media type of the result; empty without one.
        level: Compression level; None without a result.
        codec: Codec of the result.
        quality: Predicted mean opinion score.
        reason: Why it was compressed so.
        refusal: Why it was refused; empty if it was not.
    """

    id: str
    hotel: str
    call: str
    channel: str
    number: str
    state: str
    time: datetime | None
    start_ms: int
    duration_ms: int | None
    before: int | None
    after: int | None
    before_type: str
    after_type: str
    level: int | None
    codec: str | None
    quality: float | None
    reason: str | None
    refusal: str

    @property
    def ratio(self) -> str:
        """How much smaller it became, in words."""
        return ratio_words(self.before, self.after)

    @property
    def file_name(self) -> str:
        """A name for the result's file."""
        ending = _ENDINGS.get(self.after_type.partition(";")[0], "bin")
        return f"{self.call or self.id}-{self.channel}-{self.number}.{ending}"


@dataclass(frozen=True, slots=True)
class CallSummary:
    """A call, or what of it is on a page, in one line."""

    id: str
    hotel: str
    began: datetime | None
    channels: tuple[str, ...]
    duration_ms: int
    before: int
    after: int
    states: Mapping[str, int]
    quality: float | None

    @property
    def share(self) -> int | None:
        """What is left of its bytes, in per cent; None if nothing is compressed."""
        return round(100 * self.after / self.before) if self.before and self.after else None

    @property
    def ratio(self) -> str:
        """How much smaller it became, in words."""
        return ratio_words(self.before, self.after)


def segments_of(documents: Iterable[Mapping[str, Any]]) -> list[Segment]:
    """Recordings of the API's documents, with their places in the call that begins with the first."""
    found = list(documents)
    times = [time for one in found if (time := time_of(one.get("time"))) is not None]
    began = min(times, default=None)
    return [_segment(one, began) for one in found]


def summary(segments: Sequence[Segment]) -> CallSummary:
    """A call in one line.

    Args:
        segments: At least one segment.
    """
    done = [one for one in segments if one.after is not None]
    lengths: Counter[str] = Counter()
    for one in segments:
        lengths[one.channel] += one.duration_ms or 0
    return CallSummary(
        id=segments[0].call or segments[0].id,
        hotel=segments[0].hotel,
        began=min((one.time for one in segments if one.time is not None), default=None),
        channels=tuple(sorted(lengths)),
        duration_ms=max(lengths.values()),
        before=sum(one.before or 0 for one in done),
        after=sum(one.after or 0 for one in done),
        states=Counter(one.state for one in segments),
        quality=min((one.quality for one in done if one.quality is not None), default=None),
    )


def grouped(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Segments by their calls, in the order in which the calls come first."""
    calls: dict[tuple[str, str], list[Segment]] = {}
    for one in segments:
        calls.setdefault((one.hotel, one.call or one.id), []).append(one)
    return list(calls.values())


def call_path(hotel: str, call: str) -> str:
    """The page of a call, whose id another hotel's call may have as well."""
    return path_of("calls", call) + (f"?{urlencode({'hotel': hotel})}" if hotel else "")


def time_of(text: str | None) -> datetime | None:
    """A time of a document."""
    return None if text is None else datetime.fromisoformat(text)


def _segment(document: Mapping[str, Any], began: datetime | None) -> Segment:
    result: Mapping[str, Any] = document.get("result") or {}
    original: Mapping[str, Any] = document.get("original") or {}
    refusal: Mapping[str, Any] = document.get("refusal") or {}
    time = time_of(document.get("time"))
    sequence = document.get("sequence")
    return Segment(
        id=document["id"],
        hotel=document.get("hotel") or "",
        call=document.get("call") or "",
        channel=document.get("channel") or "unnamed",
        number="?" if sequence is None else str(sequence),
        state=document["state"],
        time=time,
        start_ms=0 if time is None or began is None else round((time - began).total_seconds() * 1000),
        duration_ms=result.get("durationMs"),
        before=result.get("originalBytes") or original.get("bytes"),
        after=result.get("bytes"),
        before_type=original.get("contentType") or "",
        after_type=result.get("contentType") or "",
        level=result.get("level"),
        codec=result.get("codec"),
        quality=result.get("quality"),
        reason=result.get("reason"),
        refusal=" ".join(str(refusal[name]) for name in ("field", "reason") if refusal.get(name)),
    )
