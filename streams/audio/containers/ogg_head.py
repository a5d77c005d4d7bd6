"""Reads the first packet of a stream in OGG: Vorbis or Opus; others are named.

Opus is decoded at the original sampling rate that its header names, or at the next higher rate that Opus supports (8,
12, 16, 24, 48 kHz), by libopus itself: a narrowband call stays narrowband. If the header names no rate, it is 48 kHz.

Sources: RFC 7845 (Opus in OGG), Vorbis I specification.
"""

import struct
from dataclasses import dataclass

from schemas.rejection import Rejection
from streams.audio.limits import rejected

OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
OPUS_RATE_AT = 12  # a byte offset in the Opus header
OPUS_CLOCK = 48000  # Hz: granule positions of Opus count samples of this rate, whatever the rate of the audio
_BLOCK_SIZES_AT = 28  # byte of the Vorbis header with the binary logarithms of both; a packet lasts half a block
_GAIN_STEPS = 256  # of the Opus header's output gain in a decibel
_MAPPING_AT = 21  # byte of the Opus header, after the numbers of streams and of coupled streams

#: Beginnings of other streams' first packets, and their names.
_OTHERS = {
    b"Speex   ": "Speex",
    b"\x7fFLAC": "FLAC in OGG",
    b"\x80theora": "Theora",
    b"fishead\0": "Skeleton with other streams",
    b"BBCD\0": "Dirac",
    b"OVP80": "VP8",
    b"CELT    ": "CELT",
    b"PCM     ": "PCM in OGG",
    b"\x01video": "OGM",
}


@dataclass(frozen=True, slots=True)
class Head:
    """What the first packet of a stream says.

    Attributes:
        encoding: ``opus`` or ``vorbis``.
        channels: Number of channels.
        rate: Sampling rate of the audio in Hz.
        skip: Samples at the beginning that are not played, by the clock.
        clock: Rate of the positions in Hz.
        longest: Duration of the longest packet, by the clock.
        gain_db: Amplification before coding, in whole decibels; decoders take it back.
    """

    encoding: str
    channels: int
    rate: int
    skip: int
    clock: int
    longest: int
    gain_db: int = 0

    @property
    def head_packets(self) -> int:
        """The number of packets before the audio."""
        return 2 if self.encoding == "opus" else 3

    @property
    def form(self) -> tuple[str, int, int]:
        """Encoding, rate and channels, which are the same in all links that can be joined."""
        return self.encoding, self.rate, self.channels


def parse_head(packet: bytes) -> Head | Rejection:
    """Read the first packet of a stream."""
    if packet.startswith(b"OpusHead"):
        if len(packet) < 19 or packet[8] >> 4 or not _maps_channels(packet):  # noqa: PLR2004 - size of an OpusHead
            reason = "the Opus header is not version 1 with mapping family 0 or 1"
            return rejected("UnsupportedEncoding", f"{reason}; convert it: ffmpeg -i call.opus call.wav")
        channels, skip, original, output_gain = struct.unpack_from("<BHIh", packet, 9)
        rate = next((known for known in OPUS_RATES if 0 < original <= known), OPUS_CLOCK)
        gain_db = -round(output_gain / _GAIN_STEPS)
        return Head("opus", channels, rate, skip, OPUS_CLOCK, OPUS_CLOCK * 120 // 1000, gain_db)
    if packet.startswith(b"\x01vorbis") and len(packet) >= 30:  # noqa: PLR2004 - size of the identification header
        channels, rate = struct.unpack_from("<BI", packet, 11)
        return Head("vorbis", channels, rate, 0, rate, (1 << (packet[_BLOCK_SIZES_AT] >> 4)) // 2)
    other = next((name for mark, name in _OTHERS.items() if packet.startswith(mark)), None)
    if other is None:
        return rejected("UnsupportedEncoding", "the OGG stream is neither Vorbis nor Opus")
    convert = "convert it: ffmpeg -i call.ogg -vn call.wav"
    return rejected("UnsupportedEncoding", f"this is {other}, and neither Vorbis nor Opus in OGG; {convert}")


def _maps_channels(head: bytes) -> bool:
    """Whether an Opus header has mapping family 0, or family 1 with a table of the channels' streams."""
    channels, family = head[9], head[18]
    return family == 0 or (family == 1 and len(head) == _MAPPING_AT + channels)
