"""Telephone signals besides speech: digits, call-progress tones, fax, modems, hold music; all mono, as floats.

Values are 16-bit samples before rounding; `clip` makes a clip of them. The same arguments give the same samples.
"""

import numpy as np
from numpy.typing import NDArray

from streams.analysis.dtmf import HIGH_HZ, LOW_HZ
from streams.audio.clip import Clip
from tests.support.signals import clip_of

Signal = NDArray[np.float64]

KEYS = "123A456B789C*0#D"
"""The keypad, row by row."""


def clip(*parts: Signal, rate: int = 8000) -> Clip:
    """Join signals to one clip."""
    return clip_of(np.clip(np.rint(np.concatenate(parts)), -32768, 32767).astype(np.int16), rate)


def silence(seconds: float, rate: int = 8000) -> Signal:
    return np.zeros(round(seconds * rate))


def noise(seconds: float, rms: float, rate: int = 8000, seed: int = 0) -> Signal:
    return rms * np.random.default_rng(seed).standard_normal(round(seconds * rate))


def sines(frequencies: tuple[float, ...], seconds: float, rate: int = 8000, amplitude: float = 6000) -> Signal:
    """Steady tones, each of this amplitude."""
    time = np.arange(round(seconds * rate)) / rate
    tones: Signal = amplitude * np.sin(2 * np.pi * np.outer(frequencies, time) + 0.3).sum(axis=0)
    return tones


def digit(
    key: str,
    seconds: float = 0.1,
    rate: int = 8000,
    *,
    twist_db: float = 0,
    deviation: float = 0,
    amplitude: float = 6000,
) -> Signal:
    """One DTMF digit.

    Args:
        key: One of `KEYS`.
        seconds: Length.
        rate: In Hz.
        twist_db: How much louder the high tone is.
        deviation: Relative error of both frequencies, in opposite directions.
        amplitude: Of both tones, before the twist.
    """
    row, column = divmod(KEYS.index(key), 4)
    gain = 10 ** (twist_db / 40)
    low = sines((LOW_HZ[row] * (1 + deviation),), seconds, rate, amplitude / gain)
    return low + sines((HIGH_HZ[column] * (1 - deviation),), seconds, rate, amplitude * gain)


def cadence(tone: Signal, pause: float, times: int) -> Signal:
    """A repeated tone with a pause of ``pause`` seconds after it, at 8 kHz."""
    return np.tile(np.concatenate([tone, silence(pause)]), times)


def keyed(seconds: float, mark: float, space: float, bits: list[int], amplitude: float = 6000) -> Signal:
    """Repeated bits in frequency-shift keying at 300 bit/s and 8 kHz, as in ITU-T V.21."""
    time = np.arange(round(seconds * 8000)) / 8000
    sent = np.resize(bits, len(time))[(time * 300).astype(int)]
    return amplitude * np.sin(2 * np.pi * np.cumsum(np.where(sent, mark, space)) / 8000)


def modem(seconds: float, baud: int, carrier: float, amplitude: float = 5000) -> Signal:
    """Random data by four phases and a raised cosine of 25 %, at 8 kHz: like V.22, V.27 ter, V.29 and V.17."""
    random = np.random.default_rng(baud)
    oversampled = 48_000
    length = oversampled // baud
    symbols = np.exp(0.5j * np.pi * random.integers(0, 4, round(seconds * baud)))
    pulses = np.zeros(len(symbols) * length, complex)
    pulses[::length] = symbols
    time = np.arange(-6 * length, 6 * length + 1) / length + 1e-9
    shape = np.sinc(time) * np.cos(0.25 * np.pi * time) / (1 - (0.5 * time) ** 2)
    base = np.convolve(pulses, shape, "same")
    at = np.arange(len(base)) / oversampled
    passed: Signal = amplitude * (base * np.exp(2j * np.pi * carrier * at)).real
    return passed[::6]  # the carrier's band ends below 4 kHz


def qam(seconds: float, baud: int, carrier: float, excess: float = 0.1, amplitude: float = 3000) -> Signal:
    """Random data of 64 points in root raised cosine pulses, at 8 kHz, as in ITU-T V.34 up to 3429 symbols/s."""
    random = np.random.default_rng(baud)
    oversampled = 48_000
    length = round(oversampled / baud)
    points = 2 * random.integers(0, 8, (2, round(seconds * baud))) - 7
    pulses = np.zeros(points.shape[1] * length, complex)
    pulses[::length] = (points[0] + 1j * points[1]) / 7
    time = np.arange(-12 * length, 12 * length + 1) / length + 1e-6
    rising = np.sin(np.pi * time * (1 - excess)) + 4 * excess * time * np.cos(np.pi * time * (1 + excess))
    base = np.convolve(pulses, rising / (np.pi * time * (1 - (4 * excess * time) ** 2)), "same")
    at = np.arange(len(base)) / oversampled
    passed: Signal = amplitude * (base * np.exp(2j * np.pi * carrier * at)).real
    return passed[::6]  # the carrier's band ends below 4 kHz


def stepped(pitches: NDArray[np.float64], step: float, amplitude: float = 6000) -> Signal:
    """Tones of ``step`` seconds each, one after the other without a pause or a jump in phase, at 8 kHz."""
    return amplitude * np.sin(2 * np.pi * np.cumsum(np.repeat(pitches, round(step * 8000))) / 8000)


def music(seconds: float, rate: int = 8000, seed: int = 0) -> Signal:
    """Held chords of plucked notes over a bass."""
    random = np.random.default_rng(seed)
    samples = silence(seconds, rate)
    for start in range(0, len(samples), round(0.6 * rate)):
        rest = samples[start:]
        time = np.arange(len(rest)) / rate
        for semitone in (-12, *random.choice([0, 2, 4, 7, 9, 12], 3, replace=False)):
            for harmonic in range(1, 6):
                frequency = 262 * 2 ** (semitone / 12) * harmonic
                rest += 1500 / harmonic * np.exp(-1.5 * time) * np.sin(2 * np.pi * frequency * time)
    return samples


def resampled(signal: Signal, rate: int, to: int) -> Signal:
    """Raise the sampling rate ideally: without new frequencies."""
    length = round(len(signal) * to / rate)
    return np.fft.irfft(np.fft.rfft(signal), length) * length / len(signal)
