"""Whether what sounds is speech or music: a logistic discriminant of seven features.

`scripts/fit_analysis` fits it and writes music.json; `scripts/bench analysis` measures it on whole recordings.
"""

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from streams.analysis.spectrum import Spectrum
from streams.native import ffi, lib

_ENOUGH_FRAMES = 16  # half a second: with less there is no telling, and telephones carry speech


def is_music(spectrum: Spectrum) -> bool:
    """Tell music from speech; half a second or less counts as speech."""
    if len(spectrum.power) < _ENOUGH_FRAMES:
        return False
    weights, bias = _discriminant()
    return float(features(spectrum) @ weights) + bias > 0


def features(spectrum: Spectrum) -> NDArray[np.float64]:
    """Seven numbers that differ between speech and music.

    Speech: syllables at 2 to 8 Hz and pauses make the level jump, the spectrum is another one after 100 ms, and the
    partials of a voice glide. Music: notes stay where they are until the next one.

    Returns:
        Shape (7,): share of frames far below the mean level; likeness of spectra 96 and 256 ms apart; variation of the
        spectrum's centre in octaves; mean jump of the level in dB; share of the partials' power that is at the same
        place 128 ms later, and of the partials 256 ms later.
    """
    frames, bins = spectrum.power.shape
    found = np.empty(7)
    power, numbers = ffi.from_buffer("float[]", spectrum.power), ffi.from_buffer("double[]", found)
    lib.music_features(power, frames, bins, numbers)
    return found


@cache
def _discriminant() -> tuple[NDArray[np.float64], float]:
    """Weights of the features, and the bias."""
    data = json.loads((files(__package__) / "music.json").read_text())
    return np.array(data["weights"]), float(data["bias"])
