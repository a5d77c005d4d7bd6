"""Dual-tone multi-frequency digits (ITU-T Q.23), found with tolerances in the manner of Q.24's receivers.

Windows of 20 ms every 10 ms: a digit of 40 ms fills two of them wherever it begins.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)

_HOP_S = 0.01
_PURITY = 0.72  # share of power in both tones: 0.73 for 1633 Hz 1.5 % off; at 0.65 four real prompts talk off
_WEAKEST = 10**-4.8  # -48 dBFS each: quieter than any digit that a line delivers usably
_TWIST = 16.0  # 12 dB between the tones, either way: lossless care for a doubtful digit costs little
_TOLERANCE = 0.025  # relative: between the 1.5 % that receivers accept and the 3.5 % that they refuse
_CHUNK = 1 << 14  # windows looked at together: bounds the memory of long clips


@dataclass(frozen=True, slots=True)
class Digits:
    """What DTMF a channel holds.

    Attributes:
        found: Whether there is at least one digit.
        share: Share of the channel's energy in windows with two of the tones and little else, 0 to 1.
    """

    found: bool
    share: float


def digits(samples: NDArray[np.float32], rate: int) -> Digits:
    """Look for digits, also between or right after speech.

    Args:
        samples: Samples between -1 and 1, shape (frames,).
        rate: Sampling rate in Hz.
    """
    hop = round(rate * _HOP_S)
    blocks = samples[: len(samples) // hop * hop].reshape(-1, hop)
    basis = _basis(hop, rate)
    found, energy, pure = False, 0.0, 0.0
    for start in range(0, len(blocks) - 2, _CHUNK):
        windows = _Windows.of(blocks[start : start + _CHUNK + 2], basis)  # two more, so that windows meet
        found = found or windows.digit(hop / rate)
        energy += float(windows.total.sum())
        pure += float(windows.total[windows.pure].sum())
    return Digits(found, pure / energy if energy else 0.0)


@dataclass(frozen=True, slots=True)
class _Basis:
    """What turns two neighbouring blocks into the amplitudes of eight tones, and into the power under the window.

    Attributes:
        halves: One matrix for each block, shape (samples, 16): real parts, then imaginary ones. Each takes one product
            with all blocks: no block is copied, and BLAS does the work.
        squares: Weights of the squared samples of each block.
    """

    halves: tuple[NDArray[np.float32], NDArray[np.float32]]
    squares: tuple[NDArray[np.float32], NDArray[np.float32]]


@cache
def _basis(hop: int, rate: int) -> _Basis:
    window = np.hanning(2 * hop + 1)[:-1]
    time = np.arange(2 * hop) / rate
    tones = np.exp(-2j * np.pi * np.outer(time, LOW_HZ + HIGH_HZ))
    basis = (window[:, None] * tones * (2 / window.sum())).astype(np.complex64)
    joined = np.hstack([basis.real, basis.imag])
    square = (window**2 / (window @ window)).astype(np.float32)
    return _Basis((joined[:hop], joined[hop:]), (square[:hop], square[hop:]))


@dataclass(frozen=True, slots=True)
class _Windows:
    """Overlapping windows: amplitudes of the eight tones, the strongest low and high one, power, and what is pure."""

    tones: NDArray[np.complexfloating]
    low: NDArray[np.intp]
    high: NDArray[np.intp]
    total: NDArray[np.floating]
    pure: NDArray[np.bool_]

    @classmethod
    def of(cls, blocks: NDArray[np.float32], basis: _Basis) -> "_Windows":
        joined = blocks[:-1] @ basis.halves[0] + blocks[1:] @ basis.halves[1]
        squares = np.square(blocks)
        total = squares[:-1] @ basis.squares[0] + squares[1:] @ basis.squares[1]
        power = (np.square(joined[:, :8]) + np.square(joined[:, 8:])) / 2  # of a sine of that amplitude
        low, high = power[:, :4].argmax(axis=1), power[:, 4:].argmax(axis=1) + 4
        every = np.arange(len(power))
        lows, highs = power[every, low], power[every, high]
        weaker, stronger = np.minimum(lows, highs), np.maximum(lows, highs)
        pure = (lows + highs > _PURITY * total) & (weaker > _WEAKEST) & (stronger < _TWIST * weaker)
        return cls(joined[:, :8] + 1j * joined[:, 8:], low, high, total, pure)

    def digit(self, seconds: float) -> bool:
        """Whether two windows in a row, this far apart, hold the same two tones, and both in tune."""
        same = self.pure[:-1] & self.pure[1:]
        same &= (self.low[:-1] == self.low[1:]) & (self.high[:-1] == self.high[1:])
        return any(
            all(_in_tune(self.tones[at : at + 2, tone], int(tone), seconds) for tone in (self.low[at], self.high[at]))
            for at in np.flatnonzero(same)
        )


def _in_tune(pair: NDArray[np.complexfloating], tone: int, seconds: float) -> bool:
    """Whether the phase moves from one window to the next as it does at the tone's frequency.

    Unambiguous within half a turn per 10 ms, 50 Hz; further away the window passes too little to count as pure.
    """
    frequency = (LOW_HZ + HIGH_HZ)[tone]
    turned = np.angle(pair[1] * np.conj(pair[0]) * np.exp(-2j * np.pi * frequency * seconds))
    return abs(float(turned)) / (2 * np.pi * seconds) <= _TOLERANCE * frequency
