"""Predicts the quality that a lossy input came with, and what a second coding leaves of it.

A file that was coded lossily has lost something before it arrives: its own codec and bit rate tell how much.
Accuracy: docs/QUALITY_MODEL.md.
"""

import math

from streams.audio.clip import ClipOrMetadata, SourceFormat
from streams.audio.containers.content import Content
from streams.codecs.base import LOSSLESS
from streams.codecs.opus_file import NO_TAGS
from streams.compression.forecast import Forecast
from streams.compression.quality import BEST, WORST

#: Encodings of inputs that have lost something already. G.711 is not among them: in telephony it is the original.
LOSSY_ENCODINGS = frozenset({"mpeg", "opus", "vorbis", "gsm", "g722"})

_WORTH = 0.8  # of the input's size: coding it a second time loses quality, and has to save a fifth at least
_OWN_WORTH = 0.72  # the analysis of decoded sound may find less music and noise in it, which saves up to 24 %
_TAGS_END = 256  # bytes; where the second packet of our own files ends, at the latest


def is_lossy(source: SourceFormat) -> bool:
    """Whether an input was coded lossily before it arrived."""
    return source.encoding in LOSSY_ENCODINGS


def worth(audio: Content) -> float:
    """How small a second coding has to be, as a share of the input's size, so that it is worth what it loses.

    Args:
        audio: A lossy input. One of our own Opus files was coded with what its level needs: less is enough only for a
            level above it.
    """
    return _OWN_WORTH if NO_TAGS in audio[:_TAGS_END] else _WORTH


def input_quality(clip: ClipOrMetadata, input_bytes: int, forecast: Forecast) -> float:
    """Predict the mean opinion score of an input against the sound that its sender coded.

    Args:
        clip: The decoded input, or its metadata.
        input_bytes: The input's size in bytes.
        forecast: The prediction for the clip.

    Returns:
        1 to 4.55; 5.0 if the input is not lossy.
    """
    if not is_lossy(clip.source):
        return LOSSLESS
    return forecast.received(clip.source, input_bytes * 8000 / max(clip.duration_ms, 1))


def combined(*qualities: float) -> float:
    """Predict the quality after several codings, one after the other.

    What they lose adds up as the square root of the sum of squares: measured on MP3, Vorbis and Opus of 7 to 48 kbit/s
    and levels 3 to 5, this is right within 0.13.

    Args:
        qualities: Predicted mean opinion score of each coding alone; 5.0 if lossless.
    """
    lost = [BEST - quality for quality in qualities if quality != LOSSLESS]
    return round(max(BEST - math.hypot(*lost), WORST), 2) if lost else LOSSLESS
