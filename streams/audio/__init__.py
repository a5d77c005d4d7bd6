"""Audio as the domain sees it: decoding whatever telephony sends into one plain form, without any I/O."""

from streams.audio.clip import Clip, SourceFormat
from streams.audio.decode import decode
from streams.audio.limits import DecodeLimits

__all__ = ["Clip", "DecodeLimits", "SourceFormat", "decode"]
