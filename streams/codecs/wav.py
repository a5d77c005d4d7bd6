"""WAV encoder for 16-bit PCM and G.711: headers of 44 and 58 bytes, then the samples.

A byte of zero follows a data chunk of odd size, as RIFF aligns every chunk; only the size in the RIFF header counts it.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991), and RFC 2361 for the laws.
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
    frame = 2 * channels
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * frame, frame, 16)
    return _riff(_chunk(b"fmt ", form), data)


def g711_file(data: bytes, law: g711.Law, rate: int, channels: int) -> bytes:
    """Write a WAV file of interleaved G.711 samples.

    Args:
        data: The samples, one byte each.
        law: ``pcmu`` or ``pcma``.
        rate: Sampling rate in Hz.
        channels: Number of channels.
    """
    form = struct.pack("<HHIIHHH", _FORMAT_TAGS[law], channels, rate, rate * channels, channels, 8, 0)
    fact = struct.pack("<I", len(data) // channels)
    return _riff(_chunk(b"fmt ", form) + _chunk(b"fact", fact), data)


def rewritten(file: WaveFile, form: WaveFormat) -> bytes:
    """Write a RIFF file of the same samples with right sizes, from the parts of a WAV file of any kind.

    Args:
        file: The parts.
        form: The format that the file's fmt chunk has: PCM, floating point or G.711.
    """
    blocks = len(file.data) // form.frame_bytes
    data = bytes(file.data[: blocks * form.frame_bytes])
    head = _chunk(b"fmt ", wave_format.corrected(file.form, form))
    return _riff(head + (_chunk(b"fact", struct.pack("<I", blocks)) if file.fact else b""), data)


def _riff(head: bytes, data: bytes) -> bytes:
    pad = bytes(len(data) % 2)
    body_size = 4 + len(head) + 8 + len(data) + len(pad)
    size = struct.pack("<I", len(data))
    return b"".join((b"RIFF", struct.pack("<I", body_size), b"WAVE", head, b"data", size, data, pad))


def _chunk(name: bytes, body: bytes) -> bytes:
    return name + struct.pack("<I", len(body)) + body
