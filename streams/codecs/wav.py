"""WAV encoder for 16-bit PCM and G.711: headers of 44 and 58 bytes, then the samples.

A byte of zero follows a data chunk of odd size, as RIFF aligns every chunk; only the size in the RIFF header counts it.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991); RFC 2361 for the
laws; EBU Tech 3306 for RF64.
"""

import struct
from dataclasses import dataclass
from typing import Literal

from streams.audio import g711
from streams.audio.clip import Clip
from streams.audio.containers import wave_format
from streams.audio.containers.wave_chunks import WaveFile
from streams.audio.containers.wave_format import WaveFormat
from streams.codecs.base import LOSSLESS, Encoded

CONTENT_TYPE = "audio/wav"
PCM_HEADER_BYTES = 44
G711_HEADER_BYTES = 58
_IN_64_BITS = 0xFFFFFFFF  # a size that is in the ds64 chunk instead
_DS64_BYTES = 36  # of that chunk, with its header
ENCODER = "hotel-audio-streams/2 WAV writer"

_FORMAT_TAGS: dict[g711.Law, int] = {"pcma": 6, "pcmu": 7}


@dataclass(frozen=True, slots=True)
class WavEncoder:
    """Writes WAV files.

    Lossless with ``pcm``, and with a G.711 law if the samples were decoded from it.

    Attributes:
        codec: ``pcm`` (signed 16 bit, little-endian), ``pcmu`` or ``pcma``.
    """

    codec: Literal["pcm", "pcmu", "pcma"] = "pcm"

    @property
    def profile(self) -> str:
        """See `Encoder`."""
        return f"wav:{self.codec}:{ENCODER}"

    def encode(self, clip: Clip) -> Encoded:
        """See `Encoder`."""
        if self.codec == "pcm":
            audio = pcm_file(clip.samples.astype("<i2", copy=False).tobytes(), clip.rate, clip.channels)
        else:
            codes = g711.encode(clip.samples, self.codec)
            audio = g711_file(codes.tobytes(), self.codec, clip.rate, clip.channels)
        return Encoded(audio, CONTENT_TYPE, self.codec, ENCODER, LOSSLESS)


def pcm_file(data: bytes, rate: int, channels: int) -> bytes:
    """Write a WAV file of interleaved 16-bit little-endian samples.

    Args:
        data: The samples.
        rate: Sampling rate in Hz.
        channels: Number of channels.
    """
    return _file(pcm_head(len(data), rate, channels), data)


def pcm_head(size: int, rate: int, channels: int) -> bytes:
    """What precedes so many bytes of interleaved 16-bit samples in a WAV file."""
    frame = 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, 16)
    return head(_chunk(b"fmt ", form), size)


def g711_file(data: bytes, law: g711.Law, rate: int, channels: int) -> bytes:
    """Write a WAV file of interleaved G.711 samples.

    Args:
        data: The samples, one byte each.
        law: ``pcmu`` or ``pcma``.
        rate: Sampling rate in Hz.
        channels: Number of channels.
    """
    return _file(g711_head(len(data), law, rate, channels), data)


def g711_head(size: int, law: g711.Law, rate: int, channels: int) -> bytes:
    """What precedes so many bytes of interleaved G.711 samples in a WAV file."""
    form = struct.pack("<HHIIHHH", _FORMAT_TAGS[law], channels, rate, rate * channels, channels, 8, 0)
    fact = struct.pack("<I", min(size // channels, _IN_64_BITS))
    return head(_chunk(b"fmt ", form) + _chunk(b"fact", fact), size)


def rewritten(file: WaveFile, form: WaveFormat) -> bytes:
    """Write a RIFF file of the same samples with right sizes, from the parts of a WAV file of any kind.

    Args:
        file: The parts.
        form: The format that the file's fmt chunk has: PCM, floating point or G.711.
    """
    return _file(rewritten_head(file, form), bytes(file.data[: _whole_blocks(file, form) * form.frame_bytes]))


def rewritten_head(file: WaveFile, form: WaveFormat) -> bytes:
    """What precedes the samples, of whole frames only, in the file that `rewritten` writes."""
    blocks = _whole_blocks(file, form)
    fact = _chunk(b"fact", struct.pack("<I", min(blocks, _IN_64_BITS))) if file.fact else b""
    return head(_chunk(b"fmt ", wave_format.corrected(file.form, form)) + fact, blocks * form.frame_bytes)


def _whole_blocks(file: WaveFile, form: WaveFormat) -> int:
    return len(file.data) // form.frame_bytes


def head(chunks: bytes, size: int) -> bytes:
    """What precedes so many bytes of samples, after which `padding` follows; sizes beyond 32 bits make an RF64 file.

    Args:
        chunks: The chunks before the data.
        size: Size of the samples in bytes.
    """
    body_size = 4 + len(chunks) + 8 + size + len(padding(size))
    if body_size <= _IN_64_BITS:
        data = b"data" + struct.pack("<I", size)
        return b"".join((b"RIFF", struct.pack("<I", body_size), b"WAVE", chunks, data))
    sizes = _chunk(b"ds64", struct.pack("<QQQI", body_size + _DS64_BYTES, size, 0, 0))
    unknown = struct.pack("<I", _IN_64_BITS)
    return b"".join((b"RF64", unknown, b"WAVE", sizes, chunks, b"data", unknown))


def padding(size: int) -> bytes:
    """What follows so many bytes of samples."""
    return bytes(size % 2)


def _file(before: bytes, data: bytes) -> bytes:
    return b"".join((before, data, padding(len(data))))


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body
