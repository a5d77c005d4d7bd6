"""Detects call-progress tones, fax and modem signals by their spectrum over time.

Sources: ITU-T E.180 (call-progress tones: one or two steady sines), T.30 (CNG 1100 Hz for 0.5 s, CED 2100 Hz,
preambles), V.21 (1650 and 1850 Hz, or 980 and 1180 Hz, at 300 bit/s), V.22, V.27 ter, V.29, V.17 and V.34 (band-limited
carriers of constant power).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.analysis.spectrum import Spectrum
from streams.native import ffi, lib

_STEADY_FRAMES = 5  # 0.22 s with the windows' ends: the reorder tone of 0.25 s is long enough
_PART_FRAMES = 8  # 0.35 s with the windows' ends: longer than a vowel is held
_MOST_PITCHES = 3  # special information tones have three; a melody has more
_MOSTLY = 0.75  # share of the sound; the spectrum is spread where tones begin and end

_CNG_FRAMES = 10  # 0.35 s of its 0.5 s, in case the clip begins or ends within it
_CED_FRAMES = 10  # T.30: 2.6 to 4 s
_V21_FRAMES = 8  # 0.29 s of a preamble that lasts a second
_CARRIER_FRAMES = 14  # 0.48 s; T.30's training check lasts 1.5 s
_CARRIER_VARIATION_DB = 0.6  # of the level: phase modulation has 0.2, amplitude modulation more, a scream 0.7
_CARRIER_CORE = (0.05, 0.95)  # cumulated shares of power that bound the core of the band
_CARRIER_WIDTH_HZ = 350.0  # of the core: V.22 at 600 baud has 500, single or keyed tones have less
_CARRIER_FLATNESS = 0.75  # geometric mean over arithmetic mean of the core's power: scrambled data 0.97, a scream 0.53
_CARRIER_CENTRED = 0.4  # spread of the frames' centres, relative to a band that a tone crosses: data 0.09 to 0.2

# Tones in succession are no fax: so many pitches, with at most so many frames from one steady tone to the next. The
# tones of one fax call, with what rings before, are three, and have pauses.
_CLOSE_PITCHES, _CLOSE_FRAMES = 3, 5  # 0.16 s: one tone turns into the next
_PAUSE_PITCHES, _PAUSE_FRAMES = 4, 20  # 0.64 s


@dataclass(frozen=True, slots=True)
class Tones:
    """Machine-made signals in one channel.

    Attributes:
        fax: Whether fax or modem signals occur anywhere.
        steady: Whether the sound is call-progress tones and almost nothing else.
        parts: First frame and end of each steady tone, such as ringing before speech.
    """

    fax: bool
    steady: bool
    parts: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Marked:
    """Which signals each frame may be part of, as bits that `kernels.h` names.

    Attributes:
        level: Mean square of each frame, shape (frames,).
        centre: Spectral centre of each frame in Hz, shape (frames,).
        marks: Bits of each frame, shape (frames,).
        longest: Length of the longest run of each bit, in frames.
    """

    level: NDArray[np.float32]
    centre: NDArray[np.float32]
    marks: NDArray[np.uint8]
    longest: Sequence[int]

    def where(self, mark: int) -> NDArray[np.bool_]:
        """Whether each frame has a mark."""
        flags: NDArray[np.bool_] = self.marks & (1 << mark) != 0
        return flags


def tones(spectrum: Spectrum) -> Tones:
    """Detect fax, modem and call-progress tones."""
    marked = mark(spectrum)
    longest = marked.longest
    fax = (
        (longest[lib.CNG] >= _CNG_FRAMES and _alone(marked, lib.CNG, _CNG_FRAMES))
        or (longest[lib.CED] >= _CED_FRAMES and _alone(marked, lib.CED, _CED_FRAMES))
        or max(longest[lib.V21_LOW], longest[lib.V21_HIGH]) >= _V21_FRAMES
        or (longest[lib.CARRIER] >= _CARRIER_FRAMES and _carrier(spectrum, marked))
    )
    steady = longest[lib.STILL] >= _STEADY_FRAMES and _call_progress(marked)
    return Tones(fax, steady, _parts(marked) if longest[lib.STILL] >= _PART_FRAMES else [])


def mark(spectrum: Spectrum) -> Marked:
    """Mark each frame with the signals that it may be part of."""
    frames, bins = spectrum.power.shape
    level, centre = np.empty((2, frames), np.float32)
    marks, longest = np.empty(frames, np.uint8), np.empty(lib.MARKS, np.int32)
    lib.mark_tones(
        ffi.from_buffer("float[]", spectrum.power),
        frames,
        bins,
        spectrum.bin_hz,
        ffi.from_buffer("float[]", level),
        ffi.from_buffer("float[]", centre),
        ffi.from_buffer("uint8_t[]", marks),
        ffi.from_buffer("int32_t[]", longest),
    )
    return Marked(level, centre, marks, longest.tolist())


def _parts(marked: Marked) -> list[tuple[int, int]]:
    # A run begins at its tone's second frame.
    runs = _runs(marked.where(lib.STILL))
    return [(max(start - 2, 0), end + 1) for start, end in runs if end - start >= _PART_FRAMES]


def _call_progress(marked: Marked) -> bool:
    runs = [(start, end) for start, end in _runs(marked.where(lib.STILL)) if end - start >= _STEADY_FRAMES]
    # A run begins at its second frame, and the frames in which a tone starts and ends belong to it: three more.
    covered = sum(end - start + 3 for start, end in runs)
    if covered < _MOSTLY * np.count_nonzero(marked.where(lib.LOUD)):
        return False
    pitches = {_pitch(marked, start, end) for start, end in runs}
    return len(pitches) <= _MOST_PITCHES


def _alone(marked: Marked, tone: int, fewest: int) -> bool:
    """Whether a fax tone of so many frames occurs that is not one of several tones in succession."""
    sequences = [*_sequences(marked, _CLOSE_FRAMES, _CLOSE_PITCHES), *_sequences(marked, _PAUSE_FRAMES, _PAUSE_PITCHES)]
    return any(
        end - start >= fewest and not any(first <= start <= last for first, last in sequences)
        for start, end in _runs(marked.where(tone))
    )


def _sequences(marked: Marked, gap: int, fewest: int) -> list[tuple[int, int]]:
    """First and last frame of each succession of steady tones.

    Args:
        marked: The frames.
        gap: Largest number of frames from one tone to the next.
        fewest: Number of different pitches that a succession has at least.
    """
    successions: list[list[tuple[int, int]]] = []
    for start, end in _runs(marked.where(lib.STILL)):
        if not successions or start - successions[-1][-1][1] > gap:
            successions.append([])
        successions[-1].append((start, end))
    return [
        (tones[0][0] - _CLOSE_FRAMES, tones[-1][1])
        for tones in successions
        if len({_pitch(marked, *tone) for tone in tones}) >= fewest
    ]


def _pitch(marked: Marked, start: int, end: int) -> int:
    """Frequency of a steady tone, in steps of 40 Hz."""
    return round(float(np.median(marked.centre[start:end])) / 40)


def _carrier(spectrum: Spectrum, marked: Marked) -> bool:
    """Whether frames with a carrier's band have a steady level and a flat spectrum long enough to be modem data."""
    for start, end in _runs(marked.where(lib.CARRIER)):
        for begin in range(start, end - _CARRIER_FRAMES + 1, _CARRIER_FRAMES // 2):
            part = slice(begin, begin + _CARRIER_FRAMES)
            steady = (10 * np.log10(marked.level[part])).std() <= _CARRIER_VARIATION_DB
            if steady:
                width = _flat_width(spectrum.power[part].sum(axis=0, dtype=np.float64)) * spectrum.bin_hz
                across = width / np.sqrt(12)  # standard deviation of a tone that crosses the band
                if width >= _CARRIER_WIDTH_HZ and marked.centre[part].std() <= _CARRIER_CENTRED * across:
                    return True
    return False


def _flat_width(power: NDArray[np.float64]) -> int:
    """Width in bins of the part of a spectrum with most of the power; 0 if it is not flat, but of single lines."""
    cumulated = np.cumsum(power)
    first, last = np.searchsorted(cumulated, cumulated[-1] * np.array(_CARRIER_CORE))
    core = power[first : last + 1]
    flatness = float(np.exp(np.log(core + 1e-30).mean()) / core.mean())
    return len(core) if flatness > _CARRIER_FLATNESS else 0


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Start and end of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False]))))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
