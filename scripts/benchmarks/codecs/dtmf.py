"""DTMF: digits as tones, and a decoder that knows nothing of the product's own. Source: ITU-T Q.23 and Q.24."""

import numpy as np
from numpy.typing import NDArray

from streams.audio import Clip, SourceFormat

KEYS = "123A456B789C*0#D"
"""The keypad, row by row."""

_RAW = SourceFormat("raw", "pcm")
_LOW = (697, 770, 852, 941)
_HIGH = (1209, 1336, 1477, 1633)
_TWIST_DB = 8.0  # Q.24: the two tones may differ so much
_BLOCK_S = 0.0256  # Goertzel over 205 samples at 8 kHz, as exchanges do it
_LEAST_DBFS = -45.0
_PURITY = 0.6  # share of the block's energy that the two tones have


def digits(keys: str, rate: int = 8000, tone_ms: int = 60, pause_ms: int = 60, level_dbfs: float = -12.0) -> Clip:
    """Make the sound of dialled keys: for each a pair of tones and a pause.

    Args:
        keys: Some of `KEYS`.
        rate: In Hz.
        tone_ms: Length of each pair in milliseconds.
        pause_ms: Length of the pauses in milliseconds.
        level_dbfs: Level of each tone.
    """
    time = np.arange(rate * tone_ms // 1000) / rate
    pause = np.zeros(rate * pause_ms // 1000)
    parts = [pause]
    for key in keys:
        row, column = divmod(KEYS.index(key), 4)
        pair = np.sin(2 * np.pi * _LOW[row] * time) + np.sin(2 * np.pi * _HIGH[column] * time)
        parts += [10 ** (level_dbfs / 20) * 32767 * pair, pause]
    samples = np.clip(np.rint(np.concatenate(parts)), -32768, 32767).astype(np.int16)
    return Clip.of(samples, rate, _RAW)


def decode_digits(samples: NDArray[np.int16], rate: int) -> str:
    """Detect the keys in mono samples, shape (frames,), as a telephone exchange does.

    A digit counts when two blocks in a row have it, and counts once until a block without it.
    """
    size = round(rate * _BLOCK_S)
    keys = [
        _key(samples[start : start + size].astype(np.float64), rate)
        for start in range(0, len(samples) - size, size // 2)
    ]
    found = ""
    for before, previous, key in zip(["", "", *keys], ["", *keys], keys, strict=False):
        if key and key == previous and key != before:
            found += key
    return found


def _key(block: NDArray[np.float64], rate: int) -> str:
    energy = float(np.mean(block**2))
    if energy < 10 ** (_LEAST_DBFS / 10) * 32768**2:
        return ""
    low, high = ([_power(block, frequency, rate) for frequency in group] for group in (_LOW, _HIGH))
    row, column = int(np.argmax(low)), int(np.argmax(high))
    twist = abs(10 * np.log10(max(low[row], 1e-9) / max(high[column], 1e-9)))
    pure = (low[row] + high[column]) / energy > _PURITY
    return KEYS[4 * row + column] if pure and twist < _TWIST_DB else ""


def _power(block: NDArray[np.float64], frequency: int, rate: int) -> float:
    """Mean power of one tone, what a Goertzel filter tuned to it gives."""
    turn = np.exp(-2j * np.pi * frequency / rate * np.arange(len(block)))
    return float(2 * np.abs(np.dot(block, turn) / len(block)) ** 2)
