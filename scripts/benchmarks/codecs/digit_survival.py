"""Measures whether DTMF digits are still detected after encoding."""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soundfile

from schemas.policy import MPEG, OPUS, VORBIS, Policy
from scripts.benchmarks.codecs import dtmf
from scripts.benchmarks.corpus import Named
from streams.analysis.analysis import analyse_lazily
from streams.audio import Clip
from streams.compression import choose, encode

_LEVELS = (3, 4, 5)
_FORMATS = {"opus": OPUS, "vorbis": VORBIS, "mp3": MPEG}
_SHORTEST_MS = 45
_FAINT_DBFS = -30.0
_SPEECH_BELOW = 8  # 18 dB


@dataclass(frozen=True, slots=True)
class DigitSurvival:
    """Digits of one level and format.

    Attributes:
        level: 3 to 5.
        format: ``opus``, ``vorbis`` or ``mp3``.
        digits: Number of digits.
        heard: Number of digits detected after encoding, by an independent decoder.
    """

    level: int
    format: str
    digits: int
    heard: int


def measure(speech: Named) -> list[DigitSurvival]:
    """Dial all digits: plain ones, short ones, faint ones, and ones over speech; every level and format."""
    clips = list(_clips(speech[1]))
    return [
        DigitSurvival(
            level, name, len(dtmf.KEYS) * len(clips), sum(_decoded_digits(clip, level, accepted) for clip in clips)
        )
        for level in _LEVELS
        for name, accepted in _FORMATS.items()
    ]


def _clips(speech: Clip) -> Iterator[Clip]:
    plain = dtmf.digits(dtmf.KEYS)
    yield plain
    yield dtmf.digits(dtmf.KEYS, tone_ms=_SHORTEST_MS, pause_ms=_SHORTEST_MS)
    yield dtmf.digits(dtmf.KEYS, level_dbfs=_FAINT_DBFS)
    voice = np.resize(speech.samples, plain.samples.shape) // _SPEECH_BELOW
    yield Clip.of(plain.samples + voice, plain.rate, plain.source)


def _decoded_digits(clip: Clip, level: int, accepted: str) -> int:
    """The number of detected digits: all, or none if one is missing or duplicated."""
    plan = choose(clip, analyse_lazily(clip), Policy(version=1, accept=(accepted,)), fixed_level=level).plan
    samples, rate = soundfile.read(io.BytesIO(encode(clip, plan).audio), dtype="int16")
    return len(dtmf.KEYS) if dtmf.decode_digits(samples, rate) == dtmf.KEYS else 0
