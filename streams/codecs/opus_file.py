"""Writes packets of Opus into OGG files.

Source: RFC 7845.
"""

import struct
from collections.abc import Sequence

from streams.audio.containers.ogg_head import OPUS_CLOCK
from streams.codecs import libopus, oggfile

PACKET_MS = 60
PACKET_TICKS = OPUS_CLOCK * PACKET_MS // 1000
#: The second packet: no vendor, no comments. Other programs name themselves here, so it tells our own files apart.
NO_TAGS = b"OpusTags" + bytes(8)

_GAIN_STEPS = 256  # of the header's gain in a decibel
_TWO_MONO_STREAMS = bytes((1, 2, 0, 0, 1))  # mapping family 1; two streams, none coupled; the channel of each


def written(
    streams: Sequence[libopus.Packets], channels: int, rate: int, skip: int, frames: int, *, gain_db: int = 0
) -> bytes:
    """Write packets into an OGG file.

    Args:
        streams: The packets of each stream: one stream with all channels, or one mono stream for each of two channels.
            Packets beyond the audio's length are omitted.
        channels: Number of channels.
        rate: Sampling rate of the audio in Hz.
        skip: Samples that decoders must skip at the beginning.
        frames: Length of the audio in samples of each channel.
        gain_db: By how much the audio was amplified; players take it back.
    """
    head = header(channels, rate, skip, gain_db, mono_streams=len(streams) > 1)
    end = (skip + frames) * (OPUS_CLOCK // rate)
    bodies = libopus.multiplexed(streams, -(-end // PACKET_TICKS))
    granules = [number * PACKET_TICKS for number in range(1, len(bodies))]
    # The last position is the file's length.
    return oggfile.write((head, NO_TAGS), bodies, [*granules, end], OPUS_CLOCK)


def header(channels: int, rate: int, skip: int, gain_db: int, *, mono_streams: bool) -> bytes:
    """The first packet of a file.

    Args:
        channels: Number of channels.
        rate: Sampling rate of the audio in Hz.
        skip: Samples that decoders must skip at the beginning.
        gain_db: By how much the audio was amplified.
        mono_streams: Whether each of two channels is a mono stream.
    """
    mapping = _TWO_MONO_STREAMS if mono_streams else b"\0"
    skipped = skip * (OPUS_CLOCK // rate)
    return struct.pack("<8sBBHIh", b"OpusHead", 1, channels, skipped, rate, -gain_db * _GAIN_STEPS) + mapping
