"""OGG/Vorbis encoder: libvorbis (soundfile) at a variable bit rate.

libsndfile writes a random serial number into each file, and pages of 4 KB, which last up to 2.7 seconds. The packets
get new pages and a serial number that they determine, so that the same clip gives the same bytes, and players seek to
the second; this costs 1 % at the lowest quality and nothing at high ones. The last page has the exact length (FFmpeg
plays to the end of the last block, up to 30 ms more). The codebooks take about 2.5 KB of each file, whatever its
length.

Source: Vorbis I specification; RFC 3533.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise

import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.rejection import Rejection
from streams.audio.clip import Clip
from streams.audio.containers import ogg
from streams.codecs import oggfile
from streams.codecs.base import UNKNOWN_QUALITY, Encoded

CONTENT_TYPE = "audio/ogg;codecs=vorbis"

HEADERS = 3  # identification, comment, setup
_BLOCK_SIZES_AT = 28  # byte of the identification header
_LONG = 2  # bit of a packet's first byte: the mode, of which libvorbis has one for short blocks and one for long ones
CHUNK = 1 << 16  #: Frames per call: libsndfile's stack overflows on millions


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
        return f"vorbis:quality={self.quality}:page=1s:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        audio = _repaged(_encode(clip, self.quality), clip.rate)
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), UNKNOWN_QUALITY)


@cache
def library() -> str:
    """Name and version of the encoder."""
    return f"libvorbis (libsndfile {soundfile.__libsndfile_version__})"


def _encode(clip: Clip, quality: float) -> bytes:
    # libsndfile writes to a file descriptor without the interpreter's lock, but to a Python file with it.
    descriptor = os.memfd_create("vorbis")
    try:
        chunks = (clip.samples[start : start + CHUNK] for start in range(0, clip.frames, CHUNK))
        encode_to(descriptor, chunks, clip.rate, clip.channels, quality)
        return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    finally:
        os.close(descriptor)


def encode_to(descriptor: int, chunks: Iterable[NDArray[np.int16]], rate: int, channels: int, quality: float) -> None:
    """Encode audio into an empty file, as libsndfile writes it.

    Args:
        descriptor: The file.
        chunks: The audio, at most `CHUNK` frames each.
        rate: Sampling rate in Hz.
        channels: Number of channels.
        quality: See `VorbisEncoder`.
    """
    with soundfile.SoundFile(
        descriptor, "w", rate, channels, "VORBIS", format="OGG", closefd=False, compression_level=1 - quality
    ) as sound:
        for chunk in chunks:
            sound.write(chunk)


def _repaged(audio: bytes, rate: int) -> bytes:
    """Write the packets into pages of a second at most, with a serial number that they determine."""
    pages = ogg.walk(audio)
    if isinstance(pages, Rejection):
        raise TypeError(f"libsndfile wrote an OGG file that is none: {pages.message}")
    packets = list(ogg.packets(audio, pages))
    positions = [*ends(packets)[:-1], pages[-1].granule]
    return oggfile.write(packets[:HEADERS], packets[HEADERS:], positions, rate)


def ends(packets: Sequence[bytes]) -> list[int]:
    """The position in samples after each audio packet, by its block size; the file may end before the last one.

    Args:
        packets: All packets of a file by libvorbis, three headers first.
    """
    block_of = blocks_of(packets[0])
    blocks = [block_of(packet) for packet in packets[HEADERS:]]
    return list(accumulate(((one + other) // 4 for one, other in pairwise(blocks)), initial=0))


def blocks_of(identification: bytes) -> Callable[[bytes], int]:
    """Return a function for the block size of an audio packet by libvorbis, in samples.

    Args:
        identification: The file's first packet.
    """
    short, long = (1 << (identification[_BLOCK_SIZES_AT] >> shift & 15) for shift in (0, 4))
    return lambda packet: long if packet[0] & _LONG else short
