"""The codec call that every peer makes: the product's own encoder, with the settings that the product would choose."""

import json
from dataclasses import asdict
from functools import cache

import numpy as np

from streams.audio import Clip
from streams.audio.clip import SourceFormat
from streams.codecs import Encoder, FlacEncoder, OpusEncoder

RATE = 8000
"""Sampling rate of all audio of the bench, in Hz; it has one channel."""

#: The encoder and its settings, so that no peer has to analyse a record first. The product ignores this header.
ENCODER_HEADER = "bench-encoder"
_SOURCE = SourceFormat("raw", "pcm")
_ENCODERS: dict[str, type[FlacEncoder] | type[OpusEncoder]] = {"flac": FlacEncoder, "opus": OpusEncoder}


def describe(encoder: FlacEncoder | OpusEncoder) -> bytes:
    """The header's value for an encoder."""
    return json.dumps({"codec": encoder.codec, **asdict(encoder)}).encode()


@cache
def described(text: bytes) -> Encoder:
    """The encoder that a header's value names."""
    settings = json.loads(text)
    return _ENCODERS[settings.pop("codec")](**settings)


def clip_of(audio: bytes) -> Clip:
    """Little-endian 16-bit samples as a clip; nothing is copied."""
    return Clip.of(np.frombuffer(audio, "<i2"), RATE, _SOURCE)


def encode(audio: bytes, encoder: bytes) -> bytes:
    """Encode a record's value.

    Args:
        audio: Little-endian 16-bit samples.
        encoder: The value of the record's `ENCODER_HEADER`.

    Returns:
        The same bytes that the product makes of it.
    """
    return described(encoder).encode(clip_of(audio)).audio
