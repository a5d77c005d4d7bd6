"""Encoders, one file each, with the interface `Encoder`. A new one is a new file and a line here."""

from streams.codecs.base import Encoded, Encoder
from streams.codecs.dual_mono_opus import DualMonoOpusEncoder
from streams.codecs.flac import FlacEncoder
from streams.codecs.mp3 import Mp3Encoder
from streams.codecs.opus import OpusEncoder
from streams.codecs.vorbis import VorbisEncoder
from streams.codecs.wav import WavEncoder

__all__ = [
    "DualMonoOpusEncoder",
    "Encoded",
    "Encoder",
    "FlacEncoder",
    "Mp3Encoder",
    "OpusEncoder",
    "VorbisEncoder",
    "WavEncoder",
]
