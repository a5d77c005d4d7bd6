"""Converts the sample types of audio files to signed 16-bit samples."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

BLOCK = 1 << 16  # samples converted at a time: bounds the memory of wider intermediate values


def from_int32(samples: NDArray[np.int32], bits: int) -> NDArray[np.int16]:
    """Round integers of more than 16 bits to 16, half up, clipping at the top.

    Args:
        samples: Signed integers in the lowest `bits` bits.
        bits: Width of the samples, 17 to 32.
    """
    halves = samples >> (bits - 17)  # one bit more than needed, so that adding one rounds without overflow
    rounded: NDArray[np.int32] = np.minimum((halves + 1) >> 1, 32767)
    return rounded.astype(np.int16)


def from_float(samples: NDArray[np.floating]) -> NDArray[np.int16] | None:
    """Scale floating point samples from -1..1 to 16 bits, rounding and clipping.

    Returns:
        The samples, or None if one is not a finite number.
    """
    if not np.isfinite(samples).all():
        return None
    limited = np.clip(samples, -1.0, 1.0)  # before scaling: a finite float may become infinite when scaled
    scaled: NDArray[np.floating] = np.clip(np.rint(limited * 32768.0), -32768, 32767)
    return scaled.astype(np.int16)


def from_wav(data: memoryview, encoding: str, width: int) -> NDArray[np.int16] | None:
    """Convert the little-endian data of a WAV file.

    Args:
        data: A whole number of samples.
        encoding: ``pcm`` or ``float``.
        width: Bytes per sample: 1 to 4 for pcm, 4 or 8 for float.

    Returns:
        Samples, shape (samples,), or None if a floating point sample is not a finite number.
    """
    if encoding == "pcm" and width == 2:  # noqa: PLR2004 - already 16 bits
        return np.frombuffer(data, "<i2").astype(np.int16, copy=False)
    convert = _CONVERTERS[encoding, width]
    count = len(data) // width
    converted = np.empty(count, np.int16)
    for start in range(0, count, BLOCK):
        block = convert(data[start * width : (start + BLOCK) * width])
        if block is None:
            return None
        converted[start : start + BLOCK] = block
    return converted


def _from_uint8(data: memoryview) -> NDArray[np.int16]:
    """Convert 8-bit samples, which are unsigned in WAV."""
    return (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8


def _from_int24(data: memoryview) -> NDArray[np.int16]:
    octets = np.frombuffer(data, np.uint8).reshape(-1, 3)
    wide = np.zeros((len(octets), 4), np.uint8)
    wide[:, 1:] = octets  # the upper bytes of 32 bits, which keeps the sign
    return from_int32(wide.view("<i4").reshape(-1).astype(np.int32, copy=False), 32)


def _from_int32(data: memoryview) -> NDArray[np.int16]:
    return from_int32(np.frombuffer(data, "<i4").astype(np.int32, copy=False), 32)


_CONVERTERS: dict[tuple[str, int], Callable[[memoryview], NDArray[np.int16] | None]] = {
    ("pcm", 1): _from_uint8,
    ("pcm", 3): _from_int24,
    ("pcm", 4): _from_int32,
    ("float", 4): lambda data: from_float(np.frombuffer(data, "<f4")),
    ("float", 8): lambda data: from_float(np.frombuffer(data, "<f8")),
}
