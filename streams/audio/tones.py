"""Signals that machines make: call-progress tones, fax and modem, by their spectrum over time.

Sources: ITU-T E.180 (call-progress tones: one or two steady sines), T.30 (CNG 1100 Hz for 0.5 s, CED 2100 Hz,
preambles), V.21 (1650 and 1850 Hz, or 980 and 1180 Hz, at 300 bit/s), V.22, V.27 ter, V.29 and V.17 (band-limited
carriers of constant power).
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from streams.audio.spectrum import Spectrum
from streams.native import ffi, lib

_PURE = 0.95  # share of power in one or two sines; 13 dB above everything else
_STILL_HZ = 12.0  # how far the centre of a steady tone may move within 32 ms; a spoken vowel moves further or sooner
_STEADY_FRAMES = 5  # 0.22 s with the windows' ends: the reorder tone's 0.25 s still counts
_MOST_PITCHES = 3  # special information tones have three; a melody has more
_MOSTLY = 0.75  # share of the sound; where tones begin and end their spectrum is spread
_WEAKEST = 10**-5.0  # -50 dBFS, -44 dBm0: fax receivers hear no further (T.30, V.27 ter: -43 dBm)

_CNG_HZ, _CNG_TOLERANCE_HZ, _CNG_FRAMES = 1100.0, 45.0, 10  # T.30: +-38 Hz; 0.35 s of its 0.5 s, if cut by the clip
_CED_HZ, _CED_TOLERANCE_HZ, _CED_FRAMES = 2100.0, 15.0, 10  # T.30: 2.6 to 4 s
_V21_HZ = ((980.0, 1180.0), (1650.0, 1850.0))
_V21_REACH_HZ = 100.0  # keying at 300 bit/s spreads a tone so far
_V21_PURE, _V21_FRAMES = 0.9, 8  # 0.29 s of a preamble that lasts a second
_CARRIER_WEAKEST = 10**-4.5  # -45 dBFS: below that, the noise of a telephone line looks the same
_CARRIER_FRAMES = 14  # 0.48 s; T.30's training check lasts 1.5 s
_CARRIER_VARIATION_DB = 0.6  # of the level: 0.2 with random data by phase, more with amplitudes; a scream has 0.7
_CARRIER_BAND_HZ = (300.0, 3400.0)
_CARRIER_INSIDE = 0.97  # share of power in the band; white noise has 0.78
_CARRIER_CORE = (0.05, 0.95)  # shares of power below and above which the edges of the band begin
_CARRIER_WIDTH_HZ = 350.0  # of the core; V.22 at 600 baud has 500, a tone or two keyed ones less
_CARRIER_FLATNESS = 0.75  # geometric by arithmetic mean of the core's power: scrambled data 0.97, a scream 0.53


@dataclass(frozen=True, slots=True)
class Tones:
    """What of a clip machines made.

    Attributes:
        fax: Whether fax or modem signals occur anywhere.
        steady: Whether what sounds is call-progress tones and nothing else to speak of.
    """

    fax: bool
    steady: bool


def tones(spectrum: Spectrum) -> Tones:
    """Look for fax, modem and call-progress tones."""
    level = spectrum.level
    loud = level > max(_WEAKEST, float(level.max()) * 1e-3)
    if not loud.any():
        return Tones(fax=False, steady=False)
    first, both, pitch, centre = _sines(spectrum, level)
    pure = loud & (both > _PURE)
    still = np.zeros_like(pure)
    still[1:] = pure[1:] & pure[:-1] & (np.abs(np.diff(centre)) < _STILL_HZ)
    alone = loud & (first > _PURE)
    *keyed, inside = (spectrum.power @ _bands(spectrum.power.shape[1], spectrum.bin_hz)).T
    fax = (
        _lasts(alone & (np.abs(pitch - _CNG_HZ) <= _CNG_TOLERANCE_HZ) & still, _CNG_FRAMES)
        or _lasts(alone & (np.abs(pitch - _CED_HZ) <= _CED_TOLERANCE_HZ), _CED_FRAMES)
        or any(_lasts(loud & _keyed(*pair, level), _V21_FRAMES) for pair in zip(keyed[::2], keyed[1::2], strict=True))
        or _carrier(spectrum, level, loud & (level > _CARRIER_WEAKEST) & (inside > _CARRIER_INSIDE * level))
    )
    return Tones(fax, _call_progress(loud, still, centre))


@cache
def _bands(bins: int, bin_hz: float) -> NDArray[np.float32]:
    """What a spectrum is multiplied with for its power in bands, shape (bins, 5).

    Below and above the middle of each pair of V.21's tones, and where modems' carriers lie.
    """
    edges = [(low - _V21_REACH_HZ, (low + high) / 2, high + _V21_REACH_HZ) for low, high in _V21_HZ]
    bands = [band for low, middle, high in edges for band in ((low, middle), (middle, high))]
    frequencies = np.arange(1, bins + 1, dtype=np.float32) * np.float32(bin_hz)
    inside = [(low <= frequencies) & (frequencies < high) for low, high in (*bands, _CARRIER_BAND_HZ)]
    return np.array(inside, np.float32).T


def _sines(spectrum: Spectrum, level: NDArray[np.float32]) -> NDArray[np.float32]:
    """What stands out of each frame, shape (4, frames).

    Shares of power around the strongest bin, and around it and the next; the strongest's frequency in Hz; the centre of
    all power in Hz.
    """
    frames, bins = spectrum.power.shape
    found = np.empty((4, frames), np.float32)
    lib.strongest_sines(
        ffi.from_buffer("float[]", spectrum.power),
        ffi.from_buffer("float[]", level),
        frames,
        bins,
        *(ffi.from_buffer("float[]", row) for row in found),
    )
    found[2:] *= np.float32(spectrum.bin_hz)
    return found


def _call_progress(loud: NDArray[np.bool_], still: NDArray[np.bool_], centre: NDArray[np.floating]) -> bool:
    runs = [(start, end) for start, end in _runs(still) if end - start >= _STEADY_FRAMES]
    # A run begins at its second frame, and the frames where a tone starts and ends belong to it.
    covered = sum(end - start + 3 for start, end in runs)
    if covered < _MOSTLY * np.count_nonzero(loud):
        return False
    pitches = {round(float(np.median(centre[start:end])) / 40) for start, end in runs}
    return len(pitches) <= _MOST_PITCHES


def _keyed(lower: NDArray[np.float32], upper: NDArray[np.float32], level: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Frames with nothing but both tones of a frequency-shift keying."""
    keyed: NDArray[np.bool_] = (lower + upper > _V21_PURE * level) & (np.minimum(lower, upper) > level / 10)
    return keyed


def _carrier(spectrum: Spectrum, level: NDArray[np.float32], inside: NDArray[np.bool_]) -> bool:
    """Whether a level, flat signal goes on for long enough to be modem data, of frames whose band is a carrier's."""
    for start, end in _runs(inside) if np.count_nonzero(inside) >= _CARRIER_FRAMES else ():
        for begin in range(start, end - _CARRIER_FRAMES + 1, _CARRIER_FRAMES // 2):
            part = slice(begin, begin + _CARRIER_FRAMES)
            steady = (10 * np.log10(level[part])).std() <= _CARRIER_VARIATION_DB
            if steady and _flat(spectrum.power[part].sum(axis=0, dtype=np.float64), spectrum.bin_hz):
                return True
    return False


def _flat(power: NDArray[np.float64], bin_hz: float) -> bool:
    """Whether the part of a spectrum that has the power is wide and even, not made of lines."""
    cumulated = np.cumsum(power)
    first, last = np.searchsorted(cumulated, cumulated[-1] * np.array(_CARRIER_CORE))
    core = power[first : last + 1]
    if len(core) * bin_hz < _CARRIER_WIDTH_HZ:
        return False
    return float(np.exp(np.log(core + 1e-30).mean()) / core.mean()) > _CARRIER_FLATNESS


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of each unbroken stretch."""
    if not flags.any():
        return []
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _lasts(flags: NDArray[np.bool_], frames: int) -> bool:
    """Whether there is an unbroken stretch of so many frames; few clips have so many at all."""
    return int(np.count_nonzero(flags)) >= frames and any(end - start >= frames for start, end in _runs(flags))
