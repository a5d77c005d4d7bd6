"""FLAC encoder: libFLAC, with block sizes for telephony, a seek table and no comment block.

It uses pyFLAC's libFLAC, called from C: pyFLAC's own encoder passes every block to Python, which costs a tenth more,
and much more while other threads wait for the interpreter. libFLAC writes to a file in memory, and fills in the number
of samples, the frame sizes and the MD5 itself. The comment block with the vendor's name is omitted: it is optional, and
its 44 bytes matter in a prompt of a few kilobytes.

Chromium fails to seek in files without a seek table: anywhere in files of one or two blocks, near the end of longer
ones ("FFmpegDemuxer: demuxer seek failed"). One point, at the beginning, prevents that. Players that go to the point
before a position and decode from there need further ones in long files.

Files stay within the streamable subset, which every decoder accepts: predictors of order 32 would save 0.3 % more.

Sources: RFC 9639. Block sizes and levels were measured on telephone prompts (8 kHz): blocks of 576 samples save 5 %
over the default of 4096. Level 8 saves 0.7 % over level 5 at 2.5 times its cost; more windows and the search for the
precision of coefficients save 0.4 % more at 20 times its cost. docs/BENCHMARKS.md has other attempts and the limits of
lossless coding.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyflac._encoder import ffi as libflac_ffi
from pyflac._encoder import lib as libflac

from streams.audio.clip import Clip
from streams.audio.containers.flac import STREAMINFO_BYTES
from streams.codecs.base import LOSSLESS, Encoded
from streams.native import ffi, functions, lib

CONTENT_TYPE = "audio/flac"

_MAGIC = b"fLaC"
_BLOCK_HEADER = 4  # bytes
_STREAMINFO_AT = len(_MAGIC) + _BLOCK_HEADER
_COMMENT_AT = _STREAMINFO_AT + STREAMINFO_BYTES
_STREAMINFO_HEADER = bytes((0, 0, 0, STREAMINFO_BYTES))
_LAST_SEEK_TABLE = 0x83  # type of the block, and the flag of the last one
_POINT = struct.Struct(">QQH")  # first sample, offset from the first block, samples of the block
_POINT_SECONDS = 10  # between seek points, as the program flac sets them
_VENDOR = b"reference libFLAC "
SMALLEST = 8  #: libFLAC's highest level.
WINDOWS = b"subdivide_tukey(5)"  #: Windows for fitting predictors at that level; libFLAC's own default has fewer.
#: Largest overhead of a file over its samples, if nothing can be predicted: in bytes, per file and per block.
_HEADERS, _BLOCK_OVERHEAD = 1024, 64
_BLOCK_SIZES = ((11025, 576), (22050, 1152), (32000, 2304), (48000, 4608))  # up to this rate in Hz: samples per block


@dataclass(frozen=True, slots=True)
class FlacEncoder:
    """Lossless compression.

    Attributes:
        effort: libFLAC's compression level, 0 (fastest) to 8 (smallest); 8 searches more than libFLAC's own 8.
    """

    effort: int

    @property
    def codec(self) -> str:
        """See `Encoder`."""
        return "flac"

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        return f"flac:effort={self.effort}:seek={_POINT_SECONDS}:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        file, starts = libflac_file(clip.samples, clip.rate, self.effort, _point_spacing(clip.rate))
        streaminfo, _, frames = parts(file)
        table = seek_table(clip.frames, clip.rate, (starts - starts[0]).tolist())
        audio = b"".join((*headers(bytes(streaminfo), table), frames))
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), LOSSLESS)


@cache
def library() -> str:
    """Name and version of the encoder, from the comment block that it writes."""
    file, _ = libflac_file(np.zeros((1, 1), np.int16), 8000, 0, 1)
    _, comment, _ = parts(file)
    vendor = bytes(comment).partition(_VENDOR)[2].split(b" ", 1)[0].decode("ascii")
    return f"libFLAC/{vendor} (pyFLAC {version('pyflac')})"


def block_size(rate: int) -> int:
    """Samples per block for a sampling rate in Hz."""
    return next(size for upto, size in _BLOCK_SIZES if rate <= upto)


def libflac_file(samples: NDArray[np.int16], rate: int, effort: int, spacing: int) -> tuple[bytes, NDArray[np.uint64]]:
    """Encode to a file as libFLAC writes it, and return it with the offsets of every so many blocks.

    Args:
        samples: Signed 16-bit samples, shape (frames, channels), C-contiguous.
        rate: Sampling rate in Hz.
        effort: See `FlacEncoder`.
        spacing: Blocks from one offset to the next.

    Raises:
        RuntimeError: If libFLAC fails.
    """
    frames, channels = samples.shape
    block = block_size(rate)
    blocks = -(-frames // block)
    file = np.empty(samples.nbytes + _HEADERS + _BLOCK_OVERHEAD * blocks, np.uint8)
    starts = np.zeros(-(-blocks // spacing), np.uint64)
    size = lib.flac_encode(
        _library(),
        channels,
        rate,
        block,
        effort,
        WINDOWS if effort == SMALLEST else ffi.NULL,
        ffi.from_buffer("int16_t[]", samples),
        frames,
        ffi.from_buffer("uint8_t[]", file),
        len(file),
        spacing,
        ffi.from_buffer("uint64_t[]", starts),
    )
    if size < 0:
        state = libflac.FLAC__StreamEncoderStateString[-1 - size]
        raise RuntimeError(f"libFLAC failed: {libflac_ffi.string(state).decode()}")
    return file[:size].tobytes(), starts


def _point_spacing(rate: int) -> int:
    """Blocks from one seek point to the next for a sampling rate in Hz."""
    return max(_POINT_SECONDS * rate // block_size(rate), 1)


def seek_samples(frames: int, rate: int) -> range:
    """The samples at which seek points are, each the first one of a block.

    Args:
        frames: Number of sample frames of the audio.
        rate: Sampling rate in Hz.
    """
    return range(0, frames, block_size(rate) * _point_spacing(rate))


def seek_table(frames: int, rate: int, offsets: Sequence[int]) -> bytes:
    """The SEEKTABLE block, with its header, as the last of the metadata.

    Args:
        frames: Number of sample frames of the audio.
        rate: Sampling rate in Hz.
        offsets: Bytes from the first block to the block of each of `seek_samples`.
    """
    block = block_size(rate)
    points = [
        _POINT.pack(sample, offset, min(block, frames - sample))
        for sample, offset in zip(seek_samples(frames, rate), offsets, strict=True)
    ]
    size = len(points) * _POINT.size
    return b"".join((bytes((_LAST_SEEK_TABLE,)), size.to_bytes(3, "big"), *points))


def headers(streaminfo: bytes, table: bytes) -> tuple[bytes, ...]:
    """What precedes the frames: STREAMINFO, and the table of `seek_table`."""
    return _MAGIC, _STREAMINFO_HEADER, streaminfo, table


@cache
def _library() -> Any:  # noqa: ANN401 - a C structure
    """The functions that `flac_encode` calls."""
    return functions("flac_library", _address)


def _address(name: str) -> int:
    function = libflac_ffi.addressof(libflac, f"FLAC__stream_encoder_{name}")
    return int(libflac_ffi.cast("uintptr_t", function))


def parts(file: bytes) -> tuple[memoryview, memoryview, memoryview]:
    """Split libFLAC's file after the magic into STREAMINFO, comment and frames."""
    view = memoryview(file)
    comment = _COMMENT_AT + _BLOCK_HEADER
    frames = comment + int.from_bytes(view[_COMMENT_AT + 1 : comment], "big")
    return view[_STREAMINFO_AT:_COMMENT_AT], view[comment:frames], view[frames:]
