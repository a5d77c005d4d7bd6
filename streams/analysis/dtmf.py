"""Detects dual-tone multi-frequency digits (ITU-T Q.23), with tolerances like those of ITU-T Q.24's receivers.

The windows have 20 ms, every 10 ms: a digit of 40 ms fills two of them wherever it begins.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from streams.native import ffi, lib

LOW_HZ = (697.0, 770.0, 852.0, 941.0)
HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)
_TONES_HZ = np.array(LOW_HZ + HIGH_HZ)

HOP_S = 0.01
_CHUNK = 1 << 14  # windows analysed together: bounds the memory of long clips


@dataclass(frozen=True, slots=True)
class Digits:
    """DTMF digits in one channel.

    Attributes:
        present: Whether there is at least one digit.
        total: Energy of all windows.
        pure: Energy of those with two of the tones and little else.
    """

    present: bool
    total: float
    pure: float

    @property
    def share(self) -> float:
        """Share of the channel's energy in windows with two of the tones and little else, 0 to 1."""
        return self.pure / self.total if self.total else 0.0

    def __add__(self, other: "Digits") -> "Digits":
        """The digits of audio and of what follows it."""
        return Digits(self.present or other.present, self.total + other.total, self.pure + other.pure)


def digits(samples: NDArray[np.float32], rate: int) -> Digits:
    """Detect digits, also between or right after speech.

    Args:
        samples: Samples between -1 and 1, shape (frames,).
        rate: Sampling rate in Hz.
    """
    hop = round(rate * HOP_S)
    blocks = samples[: len(samples) // hop * hop].reshape(-1, hop)
    basis = _basis(hop, rate)
    present, energy = False, np.zeros(2)
    for start in range(0, len(blocks) - 2, _CHUNK):
        part = blocks[start : start + _CHUNK + 2]  # two more, so that no window is lost between chunks
        amplitudes = part @ basis.tones
        present |= bool(
            lib.find_digit(
                ffi.from_buffer("float[]", amplitudes),
                ffi.from_buffer("float[]", part),
                len(part),
                hop,
                ffi.from_buffer("float[]", basis.squares),
                ffi.from_buffer("double[]", _TONES_HZ),
                hop / rate,
                ffi.from_buffer("double[]", energy),
            )
        )
    total, pure = energy.tolist()
    return Digits(present, total, pure)


@dataclass(frozen=True, slots=True)
class _Basis:
    """Factors that convert two neighbouring blocks into the amplitudes of eight tones, and into the windowed power.

    Attributes:
        tones: Shape (samples, 32): real parts for the first block, then imaginary parts, then the same for the second.
        squares: Weights of the squared samples, shape (2, samples), for the first and the second block.
    """

    tones: NDArray[np.float32]
    squares: NDArray[np.float32]


@cache
def _basis(hop: int, rate: int) -> _Basis:
    window = np.hanning(2 * hop + 1)[:-1]
    time = np.arange(2 * hop) / rate
    tones = np.exp(-2j * np.pi * np.outer(_TONES_HZ, time))
    basis = (window * tones * (2 / window.sum())).astype(np.complex64)
    halves = [part[:, half] for half in (slice(hop), slice(hop, None)) for part in (basis.real, basis.imag)]
    square = (window**2 / (window @ window)).astype(np.float32)
    return _Basis(np.ascontiguousarray(np.vstack(halves).T), square.reshape(2, hop))
