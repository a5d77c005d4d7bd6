"""Distinguishes music from speech: a logistic discriminant of seven features.

`scripts/fit_analysis` fits it and writes music.json; `scripts/bench analysis` measures it on whole recordings.
"""

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from streams.analysis.spectrum import Spectrum
from streams.native import ffi, lib

_ENOUGH_FRAMES = 16  # half a second: shorter clips cannot be classified, and most telephone audio is speech
_WINDOW_FRAMES = 64  # two seconds, which the discriminant was fitted on
_WINDOW_STEP = 31  # frames, a second
_WINDOWS = 2  # this many in a row are music: one alone may be a held vowel
_AUDIBLE = 1e-3  # 30 dB below the loudest window


def is_music(spectrum: Spectrum) -> bool:
    """Classify as music or speech; half a second or less counts as speech."""
    if len(spectrum.power) < _ENOUGH_FRAMES:
        return False
    weights, bias = _discriminant()
    return float(features(spectrum) @ weights) + bias > 0


def music_sections(spectrum: Spectrum) -> list[tuple[int, int]]:
    """Find parts with music, in windows of two seconds.

    Windows far below the loudest one are not classified: noise in pauses is neither speech nor music.

    Returns:
        First frame and end of each part, in frames of the spectrum; empty for clips that are shorter than a window.
    """
    frames = len(spectrum.power)
    last = frames - _WINDOW_FRAMES
    starts = [*range(0, last, _WINDOW_STEP), last] if last >= 0 else []
    windows = [spectrum.part(start, start + _WINDOW_FRAMES) for start in starts]
    loudness = [float(window.power.sum()) for window in windows]
    audible = max(loudness, default=0.0) * _AUDIBLE
    musical = [power > audible and is_music(window) for power, window in zip(loudness, windows, strict=True)]
    found: list[tuple[int, int]] = []
    for index in range(len(starts) - _WINDOWS + 1):
        if all(musical[index : index + _WINDOWS]):
            start, end = starts[index], starts[index + _WINDOWS - 1] + _WINDOW_FRAMES
            first = found.pop()[0] if found and found[-1][1] >= start else start
            found.append((first, end))
    return found


def features(spectrum: Spectrum) -> NDArray[np.float64]:
    """Compute seven features that differ between speech and music.

    In speech, syllables (2 to 8 Hz) and pauses change the level, the spectrum changes within 100 ms, and the partials
    of a voice glide. In music, the partials of a note keep their frequency until the next note.

    Returns:
        Shape (7,): share of frames far below the mean level; similarity of spectra 96 and 256 ms apart; variation of
        the spectral centre in octaves; mean change of the level in dB; share of the partials' power that has the same
        frequency 128 ms later, and share of the partials 256 ms later.
    """
    frames, bins = spectrum.power.shape
    numbers = np.empty(7)
    lib.music_features(ffi.from_buffer("float[]", spectrum.power), frames, bins, ffi.from_buffer("double[]", numbers))
    return numbers


@cache
def _discriminant() -> tuple[NDArray[np.float64], float]:
    """Weights of the features, and the bias."""
    data = json.loads((files(__package__) / "music.json").read_text())
    return np.array(data["weights"]), float(data["bias"])
