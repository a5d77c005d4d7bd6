"""Synthesized speech and music, for machines that cannot fetch recordings.

The speech has no words but is encoded like speech: voiced harmonics under moving formants, noisy consonants,
syllables and pauses. Equal arguments give equal samples.
"""

import numpy as np
from numpy.typing import NDArray

from streams.audio import Clip, SourceFormat

RATE = 8000

_SYLLABLE_S = 0.18
_HARMONICS = 18
_NOTE_S = 0.4
_SCALE = (0, 2, 4, 7, 9, 12, 14, 16)  # semitones: pentatonic, so that all notes fit together


def speech(seconds: float, speaker: int) -> Clip:
    """Make a clip that sounds like speech.

    Args:
        seconds: Length.
        speaker: Determines voice and syllables.
    """
    chance = np.random.default_rng([1, speaker])
    time = np.arange(round(seconds * RATE)) / RATE
    syllables = int(seconds / _SYLLABLE_S) + 2

    def moving(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.interp(time / _SYLLABLE_S, np.arange(syllables), values)

    loudness = moving(chance.choice([0.0, 0.6, 1.0], syllables, p=[0.25, 0.35, 0.4]))
    pitch = moving(chance.uniform(90, 220) * chance.uniform(0.85, 1.15, syllables))
    formants = [moving(chance.uniform(low, high, syllables)) for low, high in ((250, 850), (900, 2400))]
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = np.zeros(len(time))
    for harmonic in range(1, _HARMONICS):
        gain = sum(np.exp(-(((harmonic * pitch - formant) / 180) ** 2)) for formant in formants) + 0.03
        voice += gain * np.sin(harmonic * phase)
    hiss = moving(chance.choice([0.0, 0.0, 0.25], syllables)) * chance.standard_normal(len(time))
    return _clip(loudness * (3000 * voice + 2500 * hiss) + 6 * chance.standard_normal(len(time)))


def music(seconds: float) -> Clip:
    """Make a tune of plucked notes over a bass."""
    chance = np.random.default_rng(2)
    samples = np.zeros(round(seconds * RATE))
    for number, start in enumerate(range(0, len(samples), round(_NOTE_S * RATE))):
        melody = 262 * 2 ** (int(chance.choice(_SCALE)) / 12)
        bass = 131 * 2 ** (_SCALE[number // 4 % 4] / 12)
        for frequency in (melody, bass):
            rest = samples[start:]
            rest += _pluck(frequency, len(rest))
    return _clip(samples)


def _pluck(frequency: float, frames: int) -> NDArray[np.float64]:
    time = np.arange(frames) / RATE
    tone = sum(np.sin(2 * np.pi * harmonic * frequency * time) / harmonic**2 for harmonic in range(1, 6))
    plucked: NDArray[np.float64] = 3000 * np.exp(-4 * time) * tone
    return plucked


def _clip(samples: NDArray[np.float64]) -> Clip:
    limited = np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
    return Clip.of(limited, RATE, SourceFormat("raw", "pcm"))
