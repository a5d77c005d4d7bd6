"""libopus, called directly: FFmpeg's wrapper has no discontinuous transmission and costs more per packet.

The library is the one that PyAV's wheels ship; elsewhere it is the system's.

Source: opus.h and opus_defines.h of libopus 1.6.
"""

import ctypes
import ctypes.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from streams.native import ffi, functions, lib

VOIP, LOW_DELAY = 2048, 2051

_BANDWIDTHS = ((4000, 1101), (6000, 1102), (8000, 1103), (12000, 1104))  # up to this many Hz: OPUS_BANDWIDTH_*
_FULL_BAND = 1105
_SET_MAX_BANDWIDTH, _SET_COMPLEXITY, _SET_DTX = 4004, 4010, 4016
_SET_VBR_CONSTRAINT, _SET_FORCE_CHANNELS, _GET_LOOKAHEAD = 4020, 4022, 4027
_LARGEST_PACKET = 6 * 1276  # bytes: six frames of 20 ms are the most that one packet holds


@dataclass(frozen=True, slots=True)
class Settings:
    """What libopus is told.

    Attributes:
        application: `VOIP`, or `LOW_DELAY`, which is never SILK.
        complexity: 0 (fastest) to 10 (best).
        bandwidth: The highest frequency to code, in Hz.
        dtx: Whether to leave out silence.
    """

    application: int
    complexity: int
    bandwidth: int
    dtx: bool


def encode(
    samples: NDArray[np.int16], rate: int, bitrates: Sequence[int], settings: Settings
) -> tuple[list[bytes], int]:
    """Code audio as packets.

    Args:
        samples: Shape (frames, channels), C-contiguous, one or two channels; packets of equal size, 20 to 120 ms.
        rate: 8000, 12000, 16000, 24000 or 48000 Hz.
        bitrates: Bit/s of each packet, all channels together.
        settings: How to code.

    Returns:
        The packets, and the encoder's delay in samples of `rate`.

    Raises:
        RuntimeError: If libopus refuses.
    """
    library = _library()
    error = ctypes.c_int()
    encoder = library.opus_encoder_create(rate, samples.shape[1], settings.application, ctypes.byref(error))
    if not encoder:
        raise RuntimeError(_message(error.value))
    try:
        _configure(encoder, settings, samples.shape[1])
        delay = ctypes.c_int32()
        _checked(library.opus_encoder_ctl(encoder, _GET_LOOKAHEAD, ctypes.byref(delay)))
        return _packets(encoder, samples, bitrates), delay.value
    finally:
        library.opus_encoder_destroy(encoder)


@cache
def version() -> str:
    """Name and version of the library, such as ``libopus 1.6.1``."""
    name: bytes = _library().opus_get_version_string()
    return name.decode("ascii")


def _configure(encoder: int, settings: Settings, channels: int) -> None:
    bandwidth = next((known for upto, known in _BANDWIDTHS if settings.bandwidth <= upto), _FULL_BAND)
    for request, value in (
        (_SET_COMPLEXITY, settings.complexity),
        (_SET_MAX_BANDWIDTH, bandwidth),
        (_SET_DTX, int(settings.dtx)),
        (_SET_VBR_CONSTRAINT, 0),
        (_SET_FORCE_CHANNELS, channels),  # else low bit rates mix both sides of a call into one
    ):
        _checked(_library().opus_encoder_ctl(encoder, request, ctypes.c_int32(value)))


def _packets(encoder: int, samples: NDArray[np.int16], bitrates: Sequence[int]) -> list[bytes]:
    count = len(bitrates)
    sizes = ffi.new("int32_t[]", count)
    packets = np.empty(count * _LARGEST_PACKET, np.uint8)
    _checked(
        lib.opus_encode_packets(
            _functions(),
            ffi.cast("void *", encoder),
            ffi.from_buffer("int16_t[]", samples),
            len(samples) // count,
            samples.shape[1],
            count,
            bitrates,
            ffi.from_buffer("uint8_t[]", packets),
            len(packets),
            sizes,
        )
    )
    return [packets[start:end].tobytes() for start, end in pairwise(accumulate(sizes, initial=0))]


def _checked(result: int) -> int:
    if result < 0:
        raise RuntimeError(_message(result))
    return result


def _message(error: int) -> str:
    text: bytes = _library().opus_strerror(error)
    return f"libopus failed: {text.decode('ascii')}"


@cache
def _library() -> Any:  # noqa: ANN401 - a library without types
    # PyDLL keeps the interpreter's lock: handing it over costs far more than any of these calls.
    library = ctypes.PyDLL(_path())
    library.opus_encoder_create.restype = ctypes.c_void_p
    library.opus_encoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_int, ctypes.c_void_p]
    library.opus_encoder_destroy.restype = None
    library.opus_encoder_destroy.argtypes = [ctypes.c_void_p]
    # Variadic: the third argument is always given as a ctypes value.
    library.opus_encoder_ctl.argtypes = [ctypes.c_void_p, ctypes.c_int]
    library.opus_strerror.restype = ctypes.c_char_p
    library.opus_get_version_string.restype = ctypes.c_char_p
    return library


@cache
def _functions() -> Any:  # noqa: ANN401 - a C structure
    """What `opus_encode_packets` calls."""
    library = _library()
    found = {"encode": library.opus_encode, "control": library.opus_encoder_ctl}
    return functions("opus_library", lambda name: ctypes.cast(found[name], ctypes.c_void_p).value)


def _path() -> str:
    shipped = sorted((Path(av.__file__).parents[1] / "av.libs").glob("libopus-*.so*"))
    found = str(shipped[0]) if shipped else ctypes.util.find_library("opus")
    if found is None:
        raise RuntimeError("libopus is missing: install PyAV from its wheel, or Debian's libopus0")
    return found
