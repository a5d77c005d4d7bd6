"""FLAC encoder: libFLAC, with block sizes for telephony and without a comment block.

It uses pyFLAC's libFLAC, called from C: pyFLAC's own encoder passes every block to Python, which costs a tenth more,
and much more while other threads wait for the interpreter. libFLAC writes to a file in memory, and fills in the number
of samples, the frame sizes and the MD5 itself. The comment block with the vendor's name is omitted: it is optional, and
its 44 bytes matter in a prompt of a few kilobytes.

Files stay within the streamable subset, which every decoder accepts: predictors of order 32 would save 0.3 % more.

Sources: RFC 9639. Block sizes and levels were measured on telephone prompts (8 kHz): blocks of 576 samples save 5 %
    over
the default of 4096. Level 8 saves 0.7 % over level 5 at 2.5 times its cost; more windows and the search for the
precision of coefficients save 0.4 % more at 20 times its cost. docs/BENCHMARKS.md has other attempts and the limits of
lossless coding.
"""

from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
from pyflac._encoder import ffi as libflac_ffi
from pyflac._encoder import lib as libflac

from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers.flac import STREAMINFO_BYTES
from streams.codecs.base import LOSSLESS, Encoded
from streams.native import ffi, functions, lib

CONTENT_TYPE = "audio/flac"

_MAGIC = b"fLaC"
_BLOCK_HEADER = 4  # bytes
_STREAMINFO_AT = len(_MAGIC) + _BLOCK_HEADER
_COMMENT_AT = _STREAMINFO_AT + STREAMINFO_BYTES
_LAST_STREAMINFO = bytes((0x80, 0, 0, STREAMINFO_BYTES))
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
        return f"flac:effort={self.effort}:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        streaminfo, _, frames = _parts(_libflac_file(clip, self.effort))
        audio = b"".join((_MAGIC, _LAST_STREAMINFO, streaminfo, frames))
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), LOSSLESS)


@cache
def library() -> str:
    """Name and version of the encoder, from the comment block that it writes."""
    _, comment, _ = _parts(_libflac_file(Clip.of(np.zeros(1, np.int16), 8000, SourceFormat("raw", "pcm")), 0))
    vendor = bytes(comment).partition(_VENDOR)[2].split(b" ", 1)[0].decode("ascii")
    return f"libFLAC/{vendor} (pyFLAC {version('pyflac')})"


def block_size(rate: int) -> int:
    """Samples per block for a sampling rate in Hz."""
    return next(size for upto, size in _BLOCK_SIZES if rate <= upto)


def _libflac_file(clip: Clip, effort: int) -> bytes:
    """Encode to a file as libFLAC writes it.

    Raises:
        RuntimeError: If libFLAC fails.
    """
    block = block_size(clip.rate)
    file = np.empty(clip.samples.nbytes + _HEADERS + _BLOCK_OVERHEAD * -(-clip.frames // block), np.uint8)
    size = lib.flac_encode(
        _library(),
        clip.channels,
        clip.rate,
        block,
        effort,
        WINDOWS if effort == SMALLEST else ffi.NULL,
        ffi.from_buffer("int16_t[]", clip.samples),
        clip.frames,
        ffi.from_buffer("uint8_t[]", file),
        len(file),
    )
    if size < 0:
        state = libflac.FLAC__StreamEncoderStateString[-1 - size]
        raise RuntimeError(f"libFLAC failed: {libflac_ffi.string(state).decode()}")
    return file[:size].tobytes()


@cache
def _library() -> Any:  # noqa: ANN401 - a C structure
    """The functions that `flac_encode` calls."""
    return functions("flac_library", _address)


def _address(name: str) -> int:
    function = libflac_ffi.addressof(libflac, f"FLAC__stream_encoder_{name}")
    return int(libflac_ffi.cast("uintptr_t", function))


def _parts(file: bytes) -> tuple[memoryview, memoryview, memoryview]:
    """Split libFLAC's file after the magic into STREAMINFO, comment and frames."""
    view = memoryview(file)
    comment = _COMMENT_AT + _BLOCK_HEADER
    frames = comment + int.from_bytes(view[_COMMENT_AT + 1 : comment], "big")
    return view[_STREAMINFO_AT:_COMMENT_AT], view[comment:frames], view[frames:]
