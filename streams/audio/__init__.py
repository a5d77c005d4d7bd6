"""Audio as the domain sees it: decoding whatever telephony sends into one plain form, without any I/O."""

from streams.audio.clip import Clip, Outline, SourceFormat
from streams.audio.decode import decode
from streams.audio.limits import DecodeLimits

__all__ = ["Clip", "DecodeLimits", "Outline", "SourceFormat", "decode"]
