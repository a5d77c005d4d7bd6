"""OGG/Vorbis encoder: libvorbis (soundfile) at a variable bit rate.

libsndfile writes a random serial number into each file; it is replaced by one that the content determines, so that the
same clip gives the same bytes. The last page has the exact length (FFmpeg plays to the end of the last block, up to
30 ms more). The codebooks take about 2.5 KB of each file, whatever its length.

Source: Vorbis I specification; RFC 3533.
"""

import os
import struct
from dataclasses import dataclass
from functools import cache

import soundfile

from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.audio.containers import ogg
from streams.codecs import oggfile
from streams.codecs.base import UNKNOWN_QUALITY, Encoded

CONTENT_TYPE = "audio/ogg;codecs=vorbis"

_SERIAL_AT = 14  # byte of a page
_CHUNK = 1 << 16  # frames per call: libsndfile's stack overflows on millions


@dataclass(frozen=True, slots=True)
class VorbisEncoder:
    """Lossy compression of any content, for all rates and mono or stereo.

    Attributes:
        quality: 0.0 (smallest) to 1.0 (best).
    """

    quality: float

    @property
    def codec(self) -> str:
        """See `Encoder`."""
        return "vorbis"

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        return f"vorbis:quality={self.quality}:serial=crc32:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        audio = _with_determined_serial(_encode(clip, self.quality))
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), UNKNOWN_QUALITY)


@cache
def library() -> str:
    """Name and version of the encoder."""
    return f"libvorbis (libsndfile {soundfile.__libsndfile_version__})"


def _encode(clip: Clip, quality: float) -> bytes:
    # libsndfile writes to a file descriptor without the interpreter's lock, but to a Python file with it.
    descriptor = os.memfd_create("vorbis")
    try:
        with soundfile.SoundFile(
            descriptor,
            "w",
            clip.rate,
            clip.channels,
            "VORBIS",
            format="OGG",
            closefd=False,
            compression_level=1 - quality,
        ) as sound:
            for start in range(0, clip.frames, _CHUNK):
                sound.write(clip.samples[start : start + _CHUNK])
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def _with_determined_serial(audio: bytes) -> bytes:
    pages = ogg.walk(audio)
    if isinstance(pages, Rejection):
        raise TypeError(f"libsndfile wrote an OGG file that is none: {pages.message}")
    serial = struct.pack("<I", oggfile.serial_number(audio[page.body : page.end] for page in pages))
    return b"".join(ogg.sealed(_renumbered(audio[page.start : page.end], serial)) for page in pages)


def _renumbered(page: bytes, serial: bytes) -> bytes:
    return page[:_SERIAL_AT] + serial + page[_SERIAL_AT + len(serial) :]
