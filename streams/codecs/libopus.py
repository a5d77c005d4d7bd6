"""Calls libopus directly: FFmpeg's wrapper has no discontinuous transmission and costs more per packet.

It uses the library in PyAV's wheels; without it, the system's.

Source: opus.h and opus_defines.h of libopus 1.6.
"""

import ctypes
import ctypes.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from streams.native import ffi, functions, lib

_VOIP = 2048  # OPUS_APPLICATION_VOIP

_BANDWIDTHS = ((4000, 1101), (6000, 1102), (8000, 1103), (12000, 1104))  # up to this many Hz: OPUS_BANDWIDTH_*
_FULL_BAND = 1105
_AUTO, _MEDIUM_BAND, _SILK_ONLY = -1000, 1102, 1000
_NOT_NARROW = 0x20  # in narrow band and speech mode, the first byte of a packet is lower
_NOT_SILK = 0x60  # in speech mode (SILK), the first byte of a packet is lower
_MULTIPLEXING = 6  # bytes that `multiplexed` adds to a packet, at most
_LARGEST_PACKET = 6 * 1276  # bytes: a packet has at most six frames of 20 ms
_MARGIN = 16  # packets of the largest size that fit besides twice the bytes of the bit rates: short clips vary more
_BUFFER_TOO_SMALL = -2  # an error of libopus, which `opus_encode_packets` returns for the whole buffer as well


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of libopus.

    Attributes:
        complexity: 0 (fastest) to 10 (best).
        bandwidth: Highest coded frequency, in Hz.
        dtx: Whether to omit silence (discontinuous transmission).
        narrow: True codes all audio in speech mode, which at 8 kHz means narrow band. False codes it in medium band,
            for rates above 8 kHz. None leaves the choice to libopus.
    """

    complexity: int
    bandwidth: int
    dtx: bool
    narrow: bool | None = None


class Packets(NamedTuple):
    """Coded audio as consecutive packets.

    Attributes:
        data: Bytes of all packets.
        sizes: Size of each packet in bytes.
    """

    data: NDArray[np.uint8]
    sizes: NDArray[np.int32]

    @property
    def all_speech(self) -> bool:
        """Whether all packets are in speech mode, according to their first bytes."""
        return bool(np.all(self._firsts < _NOT_SILK))

    @property
    def narrow(self) -> frozenset[bool]:
        """Whether packets are speech of narrow band: the answers for all packets."""
        return frozenset((self._firsts < _NOT_NARROW).tolist())

    @property
    def _firsts(self) -> NDArray[np.uint8]:
        firsts: NDArray[np.uint8] = self.data[np.cumsum(self.sizes) - self.sizes]
        return firsts


def encode(
    samples: NDArray[np.int16], rate: int, bitrates: NDArray[np.int32], settings: Settings
) -> tuple[Packets, int]:
    """Encode audio as packets.

    Args:
        samples: Signed 16-bit samples, shape (frames, channels), C-contiguous, one or two channels. They are divided
            into packets of equal length, 20 to 120 ms.
        rate: 8000, 12000, 16000, 24000 or 48000 Hz.
        bitrates: Bit/s of each packet, all channels together; its length is the number of packets.
        settings: Settings of libopus.

    Returns:
        The packets, and the encoder's delay in samples of `rate`.

    Raises:
        RuntimeError: If libopus fails.
    """
    expected = int(bitrates.sum(dtype=np.int64)) * len(samples) // (8 * rate * len(bitrates))
    room = 2 * expected + _MARGIN * _LARGEST_PACKET
    while True:
        packets, result = _encode(samples, rate, bitrates, settings, room)
        if result != _BUFFER_TOO_SMALL:
            break
        room *= 2
    if result < 0:
        text: bytes = _library().opus_strerror(result)
        raise RuntimeError(f"libopus failed: {text.decode('ascii')}")
    return packets, result


def _encode(
    samples: NDArray[np.int16], rate: int, bitrates: NDArray[np.int32], settings: Settings, room: int
) -> tuple[Packets, int]:
    """Encode into a buffer of `room` bytes; returns the packets, and the delay or libopus's error."""
    count = len(bitrates)
    packets = Packets(np.empty(room, np.uint8), np.empty(count, np.int32))
    bandwidth = next((known for upto, known in _BANDWIDTHS if settings.bandwidth <= upto), _FULL_BAND)
    result = lib.opus_encode_packets(
        _functions(),
        ffi.new(
            "opus_settings *",
            {
                "rate": rate,
                "channels": samples.shape[1],
                "application": _VOIP,
                "complexity": settings.complexity,
                "bandwidth": bandwidth,
                "dtx": settings.dtx,
                "only_bandwidth": _MEDIUM_BAND if settings.narrow is False else _AUTO,
                "only_mode": _SILK_ONLY if settings.narrow else _AUTO,
            },
        ),
        ffi.from_buffer("int16_t[]", samples),
        len(samples) // count,
        count,
        ffi.from_buffer("int32_t[]", bitrates),
        ffi.from_buffer("uint8_t[]", packets.data),
        room,
        ffi.from_buffer("int32_t[]", packets.sizes),
    )
    return packets, int(result)


def multiplexed(streams: Sequence[Packets], count: int) -> list[bytes]:
    """Put the packets of all streams at the same time into one packet, so that all players can separate them.

    Args:
        streams: Packets from `encode`, of the same duration in all streams.
        count: How many of each to use.
    """
    room = sum(int(packets.sizes[:count].sum()) for packets in streams) + _MULTIPLEXING * count * len(streams)
    data, sizes = np.empty(room, np.uint8), np.empty(count, np.int32)
    lib.opus_multiplex_packets(
        ffi.new(
            "opus_stream[]",
            [(ffi.from_buffer("uint8_t[]", each.data), ffi.from_buffer("int32_t[]", each.sizes)) for each in streams],
        ),
        len(streams),
        count,
        ffi.from_buffer("uint8_t[]", data),
        ffi.from_buffer("int32_t[]", sizes),
    )
    bounds = list(accumulate(sizes.tolist(), initial=0))
    coded = data[: bounds[-1]].tobytes()
    return [coded[start:end] for start, end in pairwise(bounds)]


@cache
def version() -> str:
    """Name and version of the library, such as ``libopus 1.6.1``."""
    name: bytes = _library().opus_get_version_string()
    return name.decode("ascii")


@cache
def _library() -> Any:  # noqa: ANN401 - a library without types
    library = ctypes.CDLL(_path())
    library.opus_strerror.restype = ctypes.c_char_p
    library.opus_get_version_string.restype = ctypes.c_char_p
    return library


@cache
def _functions() -> Any:  # noqa: ANN401 - a C structure
    """The functions that `opus_encode_packets` calls."""
    library = _library()
    by_name = {
        "create": library.opus_encoder_create,
        "destroy": library.opus_encoder_destroy,
        "control": library.opus_encoder_ctl,
        "encode": library.opus_encode,
    }
    return functions("opus_library", lambda name: ctypes.cast(by_name[name], ctypes.c_void_p).value)


def _path() -> str:
    bundled = sorted((Path(av.__file__).parents[1] / "av.libs").glob("libopus-*.so*"))
    path = str(bundled[0]) if bundled else ctypes.util.find_library("opus")
    if path is None:
        raise RuntimeError("libopus is missing: install PyAV from its wheel, or Debian's libopus0")
    return path
