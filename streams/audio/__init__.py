"""Audio as the domain sees it: decoding whatever telephony sends into one plain form, without any I/O."""

from streams.audio.clip import Clip, ClipMetadata, SourceFormat
from streams.audio.decode import decode
from streams.audio.limits import DecodeLimits

__all__ = ["Clip", "ClipMetadata", "DecodeLimits", "SourceFormat", "decode"]
