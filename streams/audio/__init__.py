"""Decodes the audio formats of telephony into `Clip`, 16-bit samples in memory. Pure: no I/O."""

from streams.audio.clip import Clip, ClipMetadata, SourceFormat
from streams.audio.decode import decode
from streams.audio.limits import DecodeLimits

__all__ = ["Clip", "ClipMetadata", "DecodeLimits", "SourceFormat", "decode"]
