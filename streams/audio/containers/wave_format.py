"""Reads the fmt chunk of WAV files, as leniently as players do: fields that contradict the encoding are recalculated.

Sources: mmreg.h; RFC 2361 for format tags.
"""

import struct
from dataclasses import dataclass

from schemas.rejection import Rejection
from streams.audio.limits import rejected

GSM_BLOCK_BYTES, GSM_BLOCK_FRAMES = 65, 320  # two frames of GSM 06.10, as Microsoft packs them

_PLAIN = struct.Struct("<HHIIHH")  # tag, channels, rate, bytes per second, bytes per frame, bits
_EXTENSIBLE = 0xFFFE
_EXTENSIBLE_BYTES = 40
_GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")  # of the GUIDs that contain a plain format tag
_ENCODINGS = {0x01: "pcm", 0x03: "float", 0x06: "pcma", 0x07: "pcmu", 0x31: "gsm"}
_FLOAT_BITS = (32, 64)
_MAX_PCM_BYTES, _USUAL_BYTES = 4, 2
_FEWEST_BITS, _UNREAD_BITS = 8, 64
#: Encodings that are not read, by format tag.
_NAMES = {
    0x02: "Microsoft ADPCM",
    0x11: "IMA ADPCM",
    0x22: "TrueSpeech",
    0x28: "ADPCM (LPC-10)",
    0x40: "G.721 ADPCM",
    0x42: "G.723.1",
    0x45: "G.726 ADPCM",
    0x50: "MPEG layer II",
    0x55: "MP3",
    0x64: "G.726 ADPCM",
    0x65: "G.722 ADPCM",
    0x83: "G.729",
    0x92: "AC-3",
    0xFF: "AAC",
    0x161: "Windows Media Audio",
    0x28F: "G.722 ADPCM",
    0x706D: "AAC",
    0xA106: "AAC",
    0xF1AC: "FLAC",
}


@dataclass(frozen=True, slots=True)
class WaveFormat:
    """The format of the samples in a WAV file.

    Attributes:
        encoding: ``pcm``, ``float``, ``pcma``, ``pcmu`` or ``gsm``.
        channels: Number of channels, at least 1.
        rate: Sampling rate in Hz.
        frame_bytes: Bytes of a sample frame; of `GSM_BLOCK_FRAMES` sample frames for ``gsm``.
        bits: Significant bits per sample.
        repairs: What is wrong with the chunk, as kinds of `schemas.repairs`.
    """

    encoding: str
    channels: int
    rate: int
    frame_bytes: int
    bits: int
    repairs: tuple[str, ...]

    @property
    def width(self) -> int:
        """Bytes per sample."""
        return self.frame_bytes // self.channels


def parse(body: bytes) -> WaveFormat | Rejection:
    """Read the body of a fmt chunk; an empty body means that the file has none."""
    if len(body) < _PLAIN.size:
        return rejected("CorruptAudio", f"the WAV file has no fmt chunk of {_PLAIN.size} bytes or more before its data")
    tag, channels, rate, per_second, block, bits = _PLAIN.unpack_from(body)
    valid_bits = bits
    if tag == _EXTENSIBLE and len(body) >= _EXTENSIBLE_BYTES and body[26:40] == _GUID_TAIL:
        valid_bits, tag = struct.unpack_from("<H4xH", body, 18)
    encoding = _ENCODINGS.get(tag)
    if encoding is None:
        return _unsupported(tag)
    if channels == 0:
        return rejected("CorruptAudio", "the WAV file claims to have no channel")
    if encoding == "gsm":
        return _gsm(channels, rate, block)
    width = _width(encoding, bits, block // channels, per_second // max(rate * channels, 1))
    if width is None:
        return rejected("UnsupportedEncoding", f"PCM of {bits} bits in WAV; send 8, 16, 24 or 32 bits")
    fits = 8 * (width - 1) < bits <= 8 * width if encoding == "pcm" else bits == 8 * width
    repairs = ("bits",) * (not fits) + ("block-align",) * (block != channels * width)
    significant = valid_bits if fits and 1 <= valid_bits <= bits else 8 * width
    return WaveFormat(encoding, channels, rate, channels * width, significant, repairs)


def corrected(body: bytes, form: WaveFormat) -> bytes:
    """Write the body of a fmt chunk with right values for bytes per second, bytes per frame and bits.

    Args:
        body: The body from which `parse` made the format.
        form: The format, of PCM, floating point or G.711, with a rate and channels that a WAV file can have.
    """
    tag, channels, rate, _, _, bits = _PLAIN.unpack_from(body)
    bits = 8 * form.width if "bits" in form.repairs else bits
    extension = body[_PLAIN.size : _EXTENSIBLE_BYTES] if tag == _EXTENSIBLE else b""
    return _PLAIN.pack(tag, channels, rate, rate * form.frame_bytes, form.frame_bytes, bits) + extension


def _gsm(channels: int, rate: int, block: int) -> WaveFormat | Rejection:
    if channels > 1:
        return rejected("UnsupportedEncoding", f"GSM 06.10 in WAV has one channel, not {channels}")
    repairs = ("block-align",) * (block != GSM_BLOCK_BYTES)
    return WaveFormat("gsm", 1, rate, GSM_BLOCK_BYTES, 16, repairs)


def _width(encoding: str, bits: int, by_frame: int, by_second: int) -> int | None:
    """Bytes per sample by the number of bits, or where that is nonsense by other claims, or 2; None for 64 bits.

    Args:
        encoding: ``pcm``, ``float``, ``pcma`` or ``pcmu``.
        bits: Bits per sample as the header has them.
        by_frame: Bytes per sample by the header's size of a frame.
        by_second: Bytes per sample by the header's bytes per second.
    """
    if encoding in {"pcma", "pcmu"}:
        return 1
    if encoding == "float":
        return bits // 8 if bits in _FLOAT_BITS else by_frame if 8 * by_frame in _FLOAT_BITS else 4
    if _FEWEST_BITS <= bits <= 8 * _MAX_PCM_BYTES:
        return (bits + 7) // 8
    if by_frame == by_second and 1 <= by_frame <= _MAX_PCM_BYTES:
        return by_frame
    return None if bits == _UNREAD_BITS else _USUAL_BYTES


def _unsupported(tag: int) -> Rejection:
    name = _NAMES.get(tag, "an unknown encoding")
    return rejected(
        "UnsupportedEncoding",
        f"this is {name} in WAV (format tag {tag:#06x}); convert it: ffmpeg -i call.wav -c:a pcm_s16le right.wav",
    )
