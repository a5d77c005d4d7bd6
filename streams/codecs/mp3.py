"""MP3 encoder: LAME (lameenc) at a constant bit rate, with the Info frame that gives the exact length.

MP3 codes frames of 576 or 1152 samples, and LAME adds a delay at the beginning. lameenc omits the Info frame, which
says how much to remove; it is written here. Decoders that read it (FFmpeg and with it Chromium, mpg123, libsndfile)
return the clip's exact length; others play up to 0.3 s of silence more, as does FFmpeg with clips below 47 samples.

Source: ISO/IEC 11172-3 and 13818-3; the Info and LAME tags as LAME's VbrTag.c writes them.
"""

import struct
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import lameenc
import numpy as np
from numpy.typing import NDArray

from streams.audio.clip import Clip
from streams.audio.containers.mpeg import KBITS_MPEG1, KBITS_MPEG2, SIDE_BYTES
from streams.codecs.base import UNKNOWN_QUALITY, Encoded
from streams.codecs.resample import to_known_rate

CONTENT_TYPE = "audio/mpeg"
RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)

_LAME = b"LAME3.100"
_EFFORT = 2  # LAME's quality, 0 (best) to 9 (fastest)
_DELAY = 576  # samples that LAME adds at the beginning
_MPEG1_FROM = 32000  # Hz
_HEADER = 4
_MONO = 3  # channel mode
_KEEP_RATE = 0x0C  # mask of the sampling rate in a header's third byte, without bit rate and padding
_CONSTANT_BITRATE = 1
_FRAMES_ARE_COUNTED = 1  # flag of the Info tag


@dataclass(frozen=True, slots=True)
class Mp3Encoder:
    """Lossy compression for players without a better codec.

    Other rates than those of `RATES` are resampled to the next higher one; the duration stays the same.

    Attributes:
        bitrate: Bit/s. LAME uses the nearest bit rate of the format: 8,000 to 64,000 up to 12 kHz, 8,000 to 160,000 up
            to 24 kHz, 32,000 to 320,000 above.
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
        frames = _frames(samples, rate, self.bitrate)
        audio = _info_frame(frames, len(samples), rate) + frames
        return Encoded(audio, CONTENT_TYPE, self.codec, library(), UNKNOWN_QUALITY)


@cache
def library() -> str:
    """Name and version of the encoder."""
    return f"{_LAME.decode()} (lameenc {version('lameenc')})"


def _frames(samples: NDArray[np.int16], rate: int, bitrate: int) -> bytes:
    encoder = lameenc.Encoder()
    encoder.silence()
    encoder.set_channels(samples.shape[1])
    encoder.set_in_sample_rate(rate)
    encoder.set_out_sample_rate(rate)
    encoder.set_bit_rate(bitrate // 1000)
    encoder.set_quality(_EFFORT)
    return bytes(encoder.encode(samples)) + bytes(encoder.flush())


def _info_frame(frames: bytes, length: int, rate: int) -> bytes:
    """A silent frame with the number of frames, and the number of samples to remove at both ends.

    Args:
        frames: LAME's frames.
        length: Samples per channel of the clip.
        rate: Sampling rate in Hz.
    """
    mpeg1 = rate >= _MPEG1_FROM
    kbits, samples = (KBITS_MPEG1, 1152) if mpeg1 else (KBITS_MPEG2, 576)
    bytes_per_kbit = samples * 1000 / 8 / rate
    count = round(len(frames) / (kbits[frames[2] >> 4] * bytes_per_kbit))
    tag = struct.pack(">4sII", b"Info", _FRAMES_ARE_COUNTED, count) + _lame_tag(count * samples - _DELAY - length)
    mono = frames[3] >> 6 == _MONO
    body = bytes(SIDE_BYTES[mpeg1, 1 if mono else 2]) + tag
    index = next(index for index, rate in enumerate(kbits) if int(rate * bytes_per_kbit) >= _HEADER + len(body))
    header = frames[:2] + bytes((index << 4 | frames[2] & _KEEP_RATE,)) + frames[3:_HEADER]
    return (header + body).ljust(int(kbits[index] * bytes_per_kbit), b"\0")


def _lame_tag(padding: int) -> bytes:
    """LAME's part of the tag. Decoders read the name and the samples to remove; the rest is zero."""
    cut = (_DELAY << 12 | padding).to_bytes(3, "big")
    return _LAME + bytes((_CONSTANT_BITRATE,)) + bytes(11) + cut + bytes(12)
