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
        tones: Shape (32, samples): real parts for the first block, then imaginary ones, then the same for the second.
        squares: Weights of the squared samples, shape (2, samples): of the first block, and of the second.
    """

    tones: NDArray[np.float32]
    squares: NDArray[np.float32]


@cache
def _basis(hop: int, rate: int) -> _Basis:
    window = np.hanning(2 * hop + 1)[:-1]
    time = np.arange(2 * hop) / rate
    tones = np.exp(-2j * np.pi * np.outer(LOW_HZ + HIGH_HZ, time))
    basis = (window * tones * (2 / window.sum())).astype(np.complex64)
    halves = [part[:, half] for half in (slice(hop), slice(hop, None)) for part in (basis.real, basis.imag)]
    square = (window**2 / (window @ window)).astype(np.float32)
    return _Basis(np.vstack(halves), square.reshape(2, hop))


@dataclass(frozen=True, slots=True)
class _Windows:
    """Overlapping windows: amplitudes of the eight tones and their power, the power of everything, and what is pure.

    Attributes:
        tones: Real parts of the eight amplitudes, then imaginary ones, shape (16, windows).
        power: Of each tone, shape (8, windows).
        total: Of everything, shape (windows,).
        pure: Where two of the tones sound, and little else.
    """

    tones: NDArray[np.floating]
    power: NDArray[np.floating]
    total: NDArray[np.floating]
    pure: NDArray[np.bool_]

    @classmethod
    def of(cls, blocks: NDArray[np.float32], basis: _Basis) -> "_Windows":
        halves = basis.tones @ blocks.T
        tones = halves[:16, :-1] + halves[16:, 1:]
        squares = basis.squares @ np.square(blocks).T
        total = squares[0, :-1] + squares[1, 1:]
        squared = np.square(tones)
        power = (squared[:8] + squared[8:]) / 2  # of a sine of that amplitude
        lows, highs = power[:4].max(axis=0), power[4:].max(axis=0)
        weaker, stronger = np.minimum(lows, highs), np.maximum(lows, highs)
        pure = (lows + highs > _PURITY * total) & (weaker > _WEAKEST) & (stronger < _TWIST * weaker)
        return cls(tones, power, total, pure)

    def digit(self, seconds: float) -> bool:
        """Whether two windows in a row, this far apart, hold the same two tones, and both in tune."""
        pairs = np.flatnonzero(self.pure[:-1] & self.pure[1:])
        if not len(pairs):
            return False
        low, high = self.power[:4].argmax(axis=0), self.power[4:].argmax(axis=0) + 4
        return any(
            all(_in_tune(self._pair(tone, at), tone, seconds) for tone in (int(low[at]), int(high[at])))
            for at in pairs.tolist()
            if low[at] == low[at + 1] and high[at] == high[at + 1]
        )

    def _pair(self, tone: int, at: int) -> NDArray[np.complexfloating]:
        """Amplitudes of a tone in a window and in the next."""
        pair = slice(at, at + 2)
        return self.tones[tone, pair] + 1j * self.tones[tone + 8, pair]


def _in_tune(pair: NDArray[np.complexfloating], tone: int, seconds: float) -> bool:
    """Whether the phase moves from one window to the next as it does at the tone's frequency.

    Unambiguous within half a turn per 10 ms, 50 Hz; further away the window passes too little to count as pure.
    """
    frequency = (LOW_HZ + HIGH_HZ)[tone]
    turned = np.angle(pair[1] * np.conj(pair[0]) * np.exp(-2j * np.pi * frequency * seconds))
    return abs(float(turned)) / (2 * np.pi * seconds) <= _TOLERANCE * frequency
