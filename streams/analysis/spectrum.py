"""A clip's power spectrum over time, the basis of the rest of the analysis."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from streams.native import ffi, lib

WINDOW_S = 0.064  # resolves the harmonics of speech and two tones 40 Hz apart
HOP_S = WINDOW_S / 2
TOP_HZ = 4000  # all differences between speech, music and tones are below this frequency
FULL_SCALE = 32768.0

_CHUNK = 1024  # frames transformed at a time: bounds the memory of long clips
_SMOOTHED_HZ = 250
_INAUDIBLE = 1e-6  # 60 dB below the loudest band; the aliases of a simple resampler are above that and count
_ROUNDING = 4 / (12 * FULL_SCALE**2)  # four times the power of rounding to 16 bits


@dataclass(frozen=True)
class Spectrum:
    """Power by time and frequency.

    Attributes:
        power: Shape (frames, bins), in units of full scale squared; a frame's sum is its mean square below `TOP_HZ`.
        bin_hz: Distance of the bins in Hz; the first bin is at this frequency (there is none for 0 Hz).
        bandwidth: Highest audible frequency in Hz, up to half the sampling rate; 0 for digital silence.
    """

    power: NDArray[np.float32]
    bin_hz: float
    bandwidth: int

    def part(self, start: int, end: int) -> "Spectrum":
        """The frames from one to another."""
        return Spectrum(self.power[start:end], self.bin_hz, self.bandwidth)


def spectrum(samples: NDArray[np.float32], rate: int) -> Spectrum:
    """Transform one channel in Hann windows of 64 ms, every 32 ms.

    Args:
        samples: Samples between -1 and 1, shape (frames,), contiguous; padded to one window if they are shorter.
        rate: Sampling rate in Hz.
    """
    hop = round(rate * HOP_S / 8) * 8  # multiples of 8 transform fast
    size = 2 * hop
    padded = samples if len(samples) >= size else np.pad(samples, (0, size - len(samples)))
    step = padded.strides[0]
    frames = np.ndarray((1 + (len(padded) - size) // hop, size), padded.dtype, padded, 0, (hop * step, step))
    window = _window(size)
    bins = round(TOP_HZ * size / rate)
    power = np.empty((len(frames), bins), np.float32)
    total = np.zeros(hop + 1)
    for start in range(0, len(frames), _CHUNK):
        # With a norm, numpy keeps the samples' type; without, it would transform in double precision.
        transformed = np.fft.rfft(frames[start : start + _CHUNK] * window, norm="ortho")
        lib.power_spectrum(
            ffi.from_buffer("float[]", transformed),
            len(transformed),
            hop + 1,
            bins,
            ffi.from_buffer("float[]", power[start : start + _CHUNK]),
            ffi.from_buffer("double[]", total),
        )
    return Spectrum(power, rate / size, _bandwidth(total, len(frames), rate / size))


@cache
def _window(size: int) -> NDArray[np.float32]:
    """Hann window, scaled so that the power of a frame, transformed with a norm, is the mean square of its samples."""
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    window *= np.float32(np.sqrt(2 / float(window @ window)))
    return window


def _bandwidth(power: NDArray[np.float64], frames: int, bin_hz: float) -> int:
    """Upper edge of the highest audible band in Hz, from the summed power of all frames (0 Hz to half the rate)."""
    bins = len(power)
    width = max(1, round(_SMOOTHED_HZ / bin_hz))
    rounding = _ROUNDING * width / bins * frames
    bands: int = lib.highest_band(ffi.from_buffer("double[]", power), bins, width, _INAUDIBLE, rounding)
    return round(min(bands * width, bins - 1) * bin_hz)
