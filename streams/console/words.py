"""Sizes, times, levels and quality in words, for people."""

import math
from datetime import UTC, datetime

LEVELS = {
    1: "lossless, fastest",
    2: "lossless, smallest",
    3: "transparent",
    4: "economical",
    5: "smallest intelligible",
}
STATES = {
    "queued": "waits for a worker",
    "done": "compressed",
    "dead": "refused",
    "expired": "expired",
    "erased": "erased",
}
CODECS = {"flac": "FLAC", "opus": "Opus", "vorbis": "Vorbis", "mp3": "MP3", "mpeg": "MP3", "pcm": "PCM"}
_QUALITIES = (
    (5.0, "identical to the original"),
    (4.2, "as good as the original"),
    (4.0, "hardly a difference"),
    (3.5, "clear speech"),
    (0.0, "understandable"),
)
_THOUSAND = 1000
_UNITS = ("kB", "MB", "GB")
_MINUTE_S, _HOUR_S = 60, 3600


def quality_words(quality: float | None) -> str:
    """A predicted mean opinion score (0 to 5) in words."""
    if quality is None:
        return "not known"
    return next(words for least, words in _QUALITIES if quality >= least)


def size_words(size: float | None) -> str:
    """A number of bytes, in the unit that fits."""
    if size is None:
        return "unknown"
    if size < _THOUSAND:
        return f"{size:.0f} bytes"
    power = min(int(math.log10(size) / 3), len(_UNITS))
    size /= _THOUSAND**power
    return f"{size:.{1 if size < 10 else 0}f} {_UNITS[power - 1]}"  # noqa: PLR2004  one decimal for small numbers


def duration_words(milliseconds: float | None) -> str:
    """A length of audio, as hours, minutes and seconds."""
    if milliseconds is None:
        return "unknown"
    seconds = milliseconds / 1000
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE_S)
    if seconds < _HOUR_S:
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d} h"


def ratio_words(before: float | None, after: float | None) -> str:
    """How much smaller a file became."""
    if not before or not after:
        return ""
    ratio = before / after
    return f"{ratio:.1f} times smaller" if ratio >= 1.05 else "not smaller"  # noqa: PLR2004  rounds to 1.0


def codec_words(codec: str | None) -> str:
    """The name of a codec as people write it."""
    return CODECS.get((codec or "").lower(), codec or "unknown codec")


def absolute_time(time: datetime | None) -> str:
    """A time with its zone, which is UTC; scripts show the reader's own beside how long ago it was."""
    return "unknown" if time is None else time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def count_words(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
