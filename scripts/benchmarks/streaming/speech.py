"""Recorded speech, cut into segments as telephony would send them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from schemas.media_type import SLIN, MediaType
from scripts.benchmarks.corpus import Corpus
from scripts.benchmarks.streaming.coding import RATE
from streams.analysis.analysis import LazyAnalysis, analyse
from streams.audio import Clip, decode
from streams.codecs import FlacEncoder, OpusEncoder
from streams.compression import DEFAULT_POLICY, choose

LOSSLESS, DEFAULT = "lossless", "default"
LEVELS = {LOSSLESS: 1, DEFAULT: 3}
"""The levels by their names in the bench; `default` is the level of a hotel without a policy."""

MEDIA_TYPE = MediaType(SLIN, (("rate", str(RATE)),))


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of a call.

    Attributes:
        audio: Little-endian 16-bit samples at 8 kHz, one channel.
        encoders: The encoder that the product chooses, by the level's name.
    """

    audio: bytes
    encoders: dict[str, FlacEncoder | OpusEncoder]


def segments(corpus: Corpus, seconds: float, most: int) -> Sequence[Segment]:
    """Cut the corpus's sentences, one after the other without a pause, into segments of the same length.

    Segments that the product does not classify as speech, such as silence, are left out, so that each level has one
    encoder and the work is the same for every system.

    Args:
        corpus: The source of the speech.
        seconds: Length of a segment.
        most: Highest number of segments; the corpus may have fewer.

    Raises:
        ValueError: If the corpus has not a single one.
    """
    speech = np.concatenate([clip.samples for _, clip in corpus.speech]).astype("<i2", copy=False)
    length = round(seconds * RATE)
    found: list[Segment] = []
    for start in range(0, len(speech) - length + 1, length):
        segment = _segment(speech[start : start + length].tobytes())
        if segment is not None:
            found.append(segment)
        if len(found) == most:
            break
    if not found:
        raise ValueError(f"the corpus has no {seconds:g} s of speech in one piece")
    return found


def _segment(audio: bytes) -> Segment | None:
    clip = decode(audio, MEDIA_TYPE)
    if not isinstance(clip, Clip) or clip.source.corrected is not None:
        return None
    analysis = analyse(clip)
    if analysis.kind != "speech" or analysis.music or analysis.has_dtmf:
        return None
    encoders: dict[str, FlacEncoder | OpusEncoder] = {}
    for name, level in LEVELS.items():
        match choose(clip, LazyAnalysis.known(analysis), DEFAULT_POLICY, fixed_level=level).plan.encoders:
            case (FlacEncoder() as flac,) if name == LOSSLESS:
                encoders[name] = flac
            case (OpusEncoder() as opus,) if name == DEFAULT:
                encoders[name] = opus
            case _:
                return None
    return Segment(audio, encoders)
