"""MP3 encoder: LAME (lameenc) at a constant bit rate, with the Info frame that gives length, size and a seek table.

MP3 codes frames of 576 or 1152 samples, and LAME adds a delay at the beginning. lameenc omits the Info frame, which
says how much to remove; it is written here. Decoders that read it (FFmpeg and with it Chromium, mpg123, libsndfile)
return the clip's exact length; others play up to 0.3 s of silence more, as does FFmpeg with clips below 47 samples.

The Info frame has the bit rate of the audio frames: players compute duration and positions from the first frame's.

Source: ISO/IEC 11172-3 and 13818-3; the Info and LAME tags as LAME's VbrTag.c writes them.
"""

import re
import struct
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import lameenc
import numpy as np

from streams.audio.clip import Clip
from streams.audio.containers.mpeg_frames import KBITS_MPEG1, KBITS_MPEG2, SIDE_BYTES
from streams.audio.resample import to_known_rate
from streams.codecs.base import UNKNOWN_QUALITY, Encoded

CONTENT_TYPE = "audio/mpeg"
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)

_EFFORT = 2  # LAME's quality, 0 (best) to 9 (fastest)
_DELAY = 576  # samples that LAME adds at the beginning
_MPEG1_FROM = 32000  # Hz
HEADER = 4  # bytes
_MONO = 3  # channel mode
_PADDED = 0x02  # bit in a header's third byte: the frame has one byte more
_CONSTANT_BITRATE = 1
_FRAMES, _BYTES, _SEEK_TABLE, _QUALITY = 1, 2, 4, 8  # flags of the Info tag: which fields it has
_TAG_BYTES = 56  # name, flags, frames, bytes, quality and LAME's part
_DEFAULT_VBR = 4  # part of the quality field at any bit rate
_LARGEST = 0xFFFFFFFF  # bytes of a file that the Info tag can say
_POINTS = 100  # of the seek table, one byte each
_TAG_CRC = 0xA001  # polynomial of the tag's checksum (CRC-16/ARC), reflected


@dataclass(frozen=True, slots=True)
class Mp3Encoder:
    """Lossy compression for players without a better codec.

    Other rates than those of `RATES` are resampled to the next higher one; the duration stays the same.

    Attributes:
        bitrate: Bit/s. LAME uses the nearest bit rate of the format: up to 64,000 up to 12 kHz, up to 160,000 up to
            24 kHz, 32,000 to 320,000 above. The lowest is 8,000 to 24,000, where a frame has room for the Info tag.
    """

    bitrate: int

    @property
    def codec(self) -> str:
        """See `Encoder`."""
        return "mpeg"

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        return f"mp3:bitrate={self.bitrate}:quality={_EFFORT}:{library()}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        samples, rate = to_known_rate(clip, RATES)
        shape = Shape(rate, clip.channels)
        encoder = shape.encoder(self.bitrate)
        frames = bytes(encoder.encode(samples)) + bytes(encoder.flush())
        audio = info_frame(frames[:HEADER], len(frames), len(samples), shape) + frames
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), UNKNOWN_QUALITY)


@cache
def library() -> str:
    """Name and version of the encoder, from the bytes with which LAME fills its frames."""
    encoder = Shape(RATES[0], 1).encoder(32_000)
    frames = bytes(encoder.encode(np.zeros((1, 1), np.int16))) + bytes(encoder.flush())
    name = re.search(rb"LAME\d+(\.\d+)+", frames)
    if name is None:
        raise RuntimeError("LAME does not name itself in its frames")
    return f"{name[0].decode()} (lameenc {version('lameenc')})"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the sizes of frames and headers depend on.

    Attributes:
        rate: Sampling rate in Hz.
        channels: Number of channels.
    """

    rate: int
    channels: int

    @property
    def is_mpeg1(self) -> bool:
        """Whether the frames are of MPEG-1."""
        return self.rate >= _MPEG1_FROM

    @property
    def kbits(self) -> tuple[int, ...]:
        """The bit rates of the format in kbit/s, by their index in a header."""
        return KBITS_MPEG1 if self.is_mpeg1 else KBITS_MPEG2

    @property
    def samples(self) -> int:
        """Samples per channel in a frame."""
        return 1152 if self.is_mpeg1 else 576

    @property
    def side_bytes(self) -> int:
        """Size of the side information."""
        return SIDE_BYTES[self.is_mpeg1, self.channels]

    @property
    def lowest_bitrate(self) -> int:
        """The lowest bit rate whose frames have room for the Info tag, in bit/s."""
        needed = HEADER + self.side_bytes + _TAG_BYTES
        return 1000 * next(kbits for kbits in self.kbits if self.frame_bytes(kbits) >= needed)

    def frame_bytes(self, kbits: int) -> int:
        """Size of a frame without the padding byte that some have."""
        return kbits * 1000 * self.samples // 8 // self.rate

    def info_bytes(self, first: bytes) -> int:
        """Size of the Info frame before frames of which the first has this header."""
        return self.frame_bytes(self.kbits[first[2] >> 4])

    def encoder(self, bitrate: int) -> lameenc.Encoder:
        """LAME at a bit rate in bit/s, or at the lowest one whose frames have room for the Info tag."""
        encoder = lameenc.Encoder()
        encoder.silence()
        encoder.set_channels(self.channels)
        encoder.set_in_sample_rate(self.rate)
        encoder.set_out_sample_rate(self.rate)
        encoder.set_bit_rate(max(bitrate, self.lowest_bitrate) // 1000)
        encoder.set_quality(_EFFORT)
        return encoder


def info_frame(first: bytes, frames: int, length: int, shape: Shape) -> bytes:
    """A silent frame with the number of frames and bytes, a seek table if it has room, and the samples to remove.

    Args:
        first: The header of LAME's first frame, four bytes.
        frames: Bytes of all of LAME's frames.
        length: Samples per channel of the audio.
        shape: Rate and channels.
    """
    kbits = shape.kbits[first[2] >> 4]
    size = shape.info_bytes(first)
    count = round(frames * 8 * shape.rate / (kbits * 1000 * shape.samples))
    header = first[:2] + bytes((first[2] & ~_PADDED,)) + first[3:HEADER] + bytes(shape.side_bytes)
    has_table = size >= len(header) + _TAG_BYTES + _POINTS
    flags = _FRAMES | _BYTES | _QUALITY | (_SEEK_TABLE if has_table else 0)
    tag = struct.pack(">4sIII", b"Info", flags, count, min(size + frames, _LARGEST))
    if has_table:
        tag += _seek_table(size, frames, count)
    tag += struct.pack(">I", 100 - 10 * _DEFAULT_VBR - _EFFORT)
    body = header + tag + _lame_tag(kbits, count * shape.samples - _DELAY - length, min(size + frames, _LARGEST))
    return (body + checksum(body)).ljust(size, b"\0")


def _seek_table(info: int, audio: int, count: int) -> bytes:
    """Where each hundredth of the frames begins, in 256ths of the file.

    Args:
        info: Bytes of the Info frame.
        audio: Bytes of all other frames.
        count: Number of these.
    """
    starts = (info + audio * (point * count // _POINTS) // count for point in range(_POINTS))
    return bytes(256 * start // (info + audio) for start in starts)


def _lame_tag(kbits: int, padding: int, file_bytes: int) -> bytes:
    """LAME's part of the tag without its last field, the checksum. What is not known is zero."""
    name = library().split(" ", 1)[0].encode().ljust(8)
    cut = (_DELAY << 12 | padding).to_bytes(3, "big")
    return struct.pack(">9sB10xB3s4xI2x", name, _CONSTANT_BITRATE, min(kbits, 0xFF), cut, file_bytes)


def checksum(tag: bytes) -> bytes:
    """The two bytes that end an Info tag: CRC-16/ARC of the frame before them."""
    crc = 0
    for byte in tag:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_TAG_CRC if crc & 1 else 0)
    return crc.to_bytes(2, "big")
