"""Decodes WAV files without a library: reading the chunks is short, and the rules are stricter than a library's.

Sizes in headers must not exceed the file. Recorders that write to a pipe or end early leave sizes undefined. This is a
known, legitimate variant, accepted in these forms; the data then extend to the end of the file:

- a data size of 0xFFFFFFFF, or 0x7FFFF000, which SoX writes;
- a data size of 0 if the RIFF size is undefined, too: 0, 0xFFFFFFFF, or SoX's 0x7FFFF000 plus its header.

Source: Multimedia Programming Interface and Data Specifications 1.0 (IBM, Microsoft, 1991) and mmreg.h.
"""

import struct
from dataclasses import dataclass

import numpy as np

from schemas.rejection import Rejection
from streams.audio import g711
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import pcm
from streams.audio.limits import DecodeLimits, rejected

_SOX_OPEN = 0x7FFFF000
_OPEN_DATA = frozenset({_SOX_OPEN, 0xFFFFFFFF})
_EXTENSIBLE = 0xFFFE
_EXTENSIBLE_BYTES = 40
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # of the GUIDs that contain a plain format tag
_ENCODINGS = {1: "pcm", 3: "float", 6: "pcma", 7: "pcmu"}
_WIDTHS = {"pcm": (8, 16, 24, 32), "float": (32, 64), "pcma": (8,), "pcmu": (8,)}


@dataclass(frozen=True, slots=True)
class _Format:
    encoding: str
    channels: int
    rate: int
    width: int
    bits: int


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode a WAV file of PCM, floating point, A-law or µ-law samples.

    Args:
        audio: The file, which begins with ``RIFF`` and ``WAVE``.
        limits: Limits of size, rate and channels.
    """
    chunks = _walk(audio)
    if isinstance(chunks, Rejection):
        return chunks
    header, data = chunks
    form = _parse_format(header)
    if isinstance(form, Rejection):
        return form
    frames, rest = divmod(len(data), form.channels * form.width)
    if rest:
        return rejected(
            "PartialFrame",
            f"the data chunk of {len(data)} bytes is not whole frames of {form.channels * form.width} bytes",
        )
    if frames == 0:
        return rejected("EmptyAudio", "the WAV file holds no samples")
    refusal = limits.check(form.rate, form.channels, frames)
    return refusal or _convert(data, form)


def _convert(data: memoryview, form: _Format) -> Clip | Rejection:
    if form.encoding in {"pcmu", "pcma"}:
        law: g711.Law = "pcmu" if form.encoding == "pcmu" else "pcma"
        samples = g711.decode(np.frombuffer(data, np.uint8), law)
        encoding = form.encoding
    else:
        converted = pcm.from_wav(data, form.encoding, form.width)
        if converted is None:
            return rejected("CorruptAudio", "a floating point sample is not a finite number")
        samples = converted
        encoding = "pcm"
    return Clip.of(samples.reshape(-1, form.channels), form.rate, SourceFormat("wav", encoding, form.bits))


def _walk(audio: bytes) -> tuple[bytes, memoryview] | Rejection:
    """Find the bodies of the fmt chunk and of the data chunk after it."""
    riff_size = struct.unpack_from("<I", audio, 4)[0]
    is_open_riff = riff_size == 0 or riff_size >= _SOX_OPEN
    if not is_open_riff and riff_size > len(audio) - 8:
        return rejected("TruncatedAudio", f"RIFF claims {riff_size + 8} bytes and {len(audio)} came")
    header = b""
    at = 12
    while at + 8 <= len(audio):
        name = audio[at : at + 4]
        size: int = struct.unpack_from("<I", audio, at + 4)[0]
        at += 8
        if name == b"data":
            is_open = size in _OPEN_DATA or (size == 0 and is_open_riff)
            end = len(audio) if is_open else at + size
            if end > len(audio):
                return rejected("TruncatedAudio", f"the data chunk claims {size} bytes and {len(audio) - at} came")
            return header, memoryview(audio)[at:end]
        if at + size > len(audio):
            return rejected("TruncatedAudio", f"chunk {name!r} claims {size} bytes and {len(audio) - at} came")
        if name == b"fmt ":
            header = audio[at : at + size]
        at += size + size % 2  # chunks are padded to even sizes
    return rejected("TruncatedAudio", "the WAV file ends before its data chunk")


def _parse_format(header: bytes) -> _Format | Rejection:
    """Read the body of a fmt chunk; an empty body means that the file has none."""
    if len(header) < 16:  # noqa: PLR2004 - WAVEFORMAT with the bit depth
        return rejected("CorruptAudio", "the WAV file has no fmt chunk of at least 16 bytes before its data")
    tag, channels, rate, _, frame_bytes, width_bits = struct.unpack_from("<HHIIHH", header)
    bits = width_bits
    if tag == _EXTENSIBLE and len(header) >= _EXTENSIBLE_BYTES and header[26:40] == _GUID_TAIL:
        valid_bits, tag = struct.unpack_from("<H4xH", header, 18)
        bits = valid_bits or width_bits
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return rejected("UnsupportedEncoding", f"WAV format tag {tag:#06x} is not PCM, float, A-law or µ-law")
    if width_bits not in _WIDTHS[encoding]:
        return rejected("UnsupportedEncoding", f"{encoding} of {width_bits} bits in WAV; send {_WIDTHS[encoding]}")
    if not 1 <= bits <= width_bits:
        return rejected("CorruptAudio", f"{bits} valid bits in samples of {width_bits} bits")
    if channels == 0 or frame_bytes != channels * width_bits // 8:
        return rejected("CorruptAudio", f"block align {frame_bytes} does not fit {channels} x {width_bits} bits")
    return _Format(encoding, channels, rate, width_bits // 8, bits)
