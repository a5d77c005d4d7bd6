"""ITU-T G.711 µ-law and A-law, 8 bits per sample, by lookup table.

Decoding returns 16-bit samples like every common implementation (the 14-bit µ-law and 13-bit A-law values shifted to
the left). Encoding is exact for values that came from decoding; µ-law has two codes for zero, of which 0xFF is written.
"""

from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Law = Literal["pcmu", "pcma"]

_ULAW_BIAS = 33  # added to the 14-bit magnitude so that segments begin at powers of two
_ULAW_SEGMENTS = 8
_ULAW_CLIP = 8159  # largest 14-bit magnitude that the last segment holds after the bias


def decode(codes: NDArray[np.uint8], law: Law) -> NDArray[np.int16]:
    """Decode G.711.

    Args:
        codes: G.711 bytes, any shape.
        law: ``pcmu`` or ``pcma``.

    Returns:
        Signed 16-bit samples of the same shape.
    """
    return _decoding_table(law)[codes]


def encode(samples: NDArray[np.int16], law: Law) -> NDArray[np.uint8]:
    """Encode to G.711.

    Args:
        samples: Signed 16-bit samples, any shape.
        law: ``pcmu`` or ``pcma``.

    Returns:
        G.711 bytes of the same shape.
    """
    return _encoding_table(law)[samples.view(np.uint16)]


@cache
def _decoding_table(law: Law) -> NDArray[np.int16]:
    codes = np.arange(256)
    if law == "pcmu":
        inverted = codes ^ 0xFF
        segment = (inverted >> 4) & 7
        magnitude = ((((inverted & 0xF) << 1) + _ULAW_BIAS) << segment) - _ULAW_BIAS
        table = np.where(inverted & 0x80, -magnitude, magnitude) << 2
    else:
        toggled = codes ^ 0x55
        segment = (toggled >> 4) & 7
        step = ((toggled & 0xF) << 1) + 1
        magnitude = np.where(segment == 0, step, (step + 32) << np.maximum(segment - 1, 0))
        table = np.where(toggled & 0x80, magnitude, -magnitude) << 3
    return table.astype(np.int16)


@cache
def _encoding_table(law: Law) -> NDArray[np.uint8]:
    """G.711 codes, indexed by the sample's bits as an unsigned number."""
    samples = np.arange(65536, dtype=np.uint16).view(np.int16).astype(np.int32)
    table = _ulaw_codes(samples >> 2) if law == "pcmu" else _alaw_codes(samples >> 3)
    return table.astype(np.uint8)


def _ulaw_codes(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Encode 14-bit values."""
    magnitude = np.minimum(np.abs(values), _ULAW_CLIP) + _ULAW_BIAS
    segment = np.floor(np.log2(magnitude)).astype(np.int32) - 5
    code = np.where(segment >= _ULAW_SEGMENTS, 0x7F, (segment << 4) | ((magnitude >> (segment + 1)) & 0xF))
    inverted: NDArray[np.int32] = np.bitwise_xor(code, np.where(values < 0, 0x7F, 0xFF))
    return inverted


def _alaw_codes(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Encode 13-bit values."""
    magnitude = np.where(values < 0, -values - 1, values)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0xF)
    toggled: NDArray[np.int32] = np.bitwise_xor(code, np.where(values < 0, 0x55, 0xD5))
    return toggled
