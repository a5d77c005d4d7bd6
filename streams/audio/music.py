"""Whether what sounds is speech or music: a logistic discriminant of seven features.

`scripts/fit_hearing` fits it, and writes music.json; `scripts/bench hearing` shows what it does with whole recordings.
"""

import json
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from streams.audio.spectrum import Spectrum

_ACTIVE = 1e-3  # 30 dB below the loudest frame: quieter ones are pauses
_EPSILON = np.float32(1e-12)
_PROMINENT = 6.0  # 8 dB above the spectrum 47 Hz to either side: a partial, not a bump of noise
_PARTIAL_SIDE = (
    3  # bins of 16 Hz: a Hann window's main lobe ends at two, the next harmonic of a voice is at five or more
)
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
    power = spectrum.power + _EPSILON
    level = power.sum(axis=1)
    active = level > level.max() * _ACTIVE
    amplitude = np.sqrt(power)
    norm = np.sqrt(level)
    centre = np.log2((power @ spectrum.frequencies) / level)
    jumps = np.abs(np.diff(10 * np.log10(level))).clip(0, 20)
    partial = _partials(power)
    return np.array(
        [
            (level < 0.3 * level.mean()).mean(),
            _likeness(amplitude, norm, active, 3),
            _likeness(amplitude, norm, active, 8),
            centre[active].std(),
            jumps.mean(),
            _kept_power(amplitude * partial, 4),
            int(np.count_nonzero(partial[8:] & partial[:-8])) / max(1, int(np.count_nonzero(partial[8:]))),
        ]
    )


def _partials(power: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Where a partial stands out, shape (frames, bins)."""
    # Over the ends of frames, in one go, which is faster than row by row; what is found there does not count.
    side, flat = _PARTIAL_SIDE, power.reshape(-1)
    inner = flat[side:-side]
    partial = np.zeros(power.shape, bool)
    found = partial.reshape(-1)[side:-side]
    np.greater(inner, _PROMINENT * np.maximum(flat[: -2 * side], flat[2 * side :]), out=found)
    found &= inner >= flat[side - 1 : -side - 1]
    found &= inner >= flat[side + 1 : 1 - side]
    partial[:, :side] = partial[:, -side:] = False
    return partial


@cache
def _discriminant() -> tuple[NDArray[np.float64], float]:
    """Weights of the features, and the bias."""
    data = json.loads((files("streams.audio") / "music.json").read_text())
    return np.array(data["weights"]), float(data["bias"])


def _likeness(amplitude: NDArray[np.float32], norm: NDArray[np.float32], active: NDArray[np.bool_], lag: int) -> float:
    both = active[lag:] & active[:-lag]
    if not both.any():
        return 0.0
    product = np.einsum("fb,fb->f", amplitude[lag:], amplitude[:-lag])
    return float((product / (norm[lag:] * norm[:-lag]))[both].mean())


def _kept_power(partials: NDArray[np.float32], lag: int) -> float:
    now, then = partials[lag:], partials[:-lag]
    return float(np.vdot(now, then) / np.sqrt(float(np.vdot(now, now)) * float(np.vdot(then, then)) + 1e-20))
