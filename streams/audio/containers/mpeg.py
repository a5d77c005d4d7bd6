"""Decodes MP3 files (MPEG-1, 2 and 2.5, layer III).

All frame headers are checked before decoding: the format has neither a total nor a checksum, and mpg123 skips bytes
that it does not understand. ID3v2 tags at the beginning, and ID3v1 or APE tags at the end, are skipped.

Source: ISO/IEC 11172-3, 13818-3; ID3v2.4.0; the Xing/Info header as LAME documents it.
"""

from dataclasses import dataclass

from schemas.rejection import Rejection
from streams.audio.clip import Clip, SourceFormat
from streams.audio.containers import sndfile
from streams.audio.limits import DecodeLimits, rejected

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG1, _LAYER3, _MONO = 3, 1, 3
_HEADER = 4
SIDE_BYTES = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}  # by (is MPEG-1, channels)
_ID3V1_BYTES = 128
_TAG_BYTES = 10  # header of ID3v2
_APE_BYTES = 32  # footer of APEv2
_SLACK_FRAMES = 3  # decoders drop the first frames if these depend on bits of earlier frames


@dataclass(frozen=True, slots=True)
class _Frame:
    version: int
    rate: int
    channels: int
    size: int

    @property
    def samples(self) -> int:
        return 1152 if self.version == _MPEG1 else 576


@dataclass(frozen=True, slots=True)
class _Stream:
    first: _Frame
    start: int
    end: int
    frames: int


def decode(audio: bytes, limits: DecodeLimits) -> Clip | Rejection:
    """Decode an MP3 file; the encoder's padding is removed if a LAME tag has its size.

    Args:
        audio: The file, which begins with ``ID3`` or an MPEG frame.
        limits: Limits; the number of frames is checked against them before decoding.
    """
    stream = _walk(audio)
    if isinstance(stream, Rejection):
        return stream
    expected = _expected(audio, stream, limits)
    if isinstance(expected, Rejection):
        return expected
    decoded = sndfile.read_all(audio[stream.start : stream.end], sndfile.float_chunk, limits)
    if isinstance(decoded, Rejection):
        return decoded
    samples, rate = decoded
    if len(samples) < max(expected - _SLACK_FRAMES * stream.first.samples, 1):
        return rejected("CorruptAudio", f"of {expected} samples only {len(samples)} can be decoded")
    return Clip.of(samples, rate, SourceFormat("mpeg", "mpeg"))


def starts_frame(audio: bytes) -> bool:
    """Whether the bytes begin with the header of a layer III frame."""
    return _parse_frame(audio[:_HEADER]) is not None


def _expected(audio: bytes, stream: _Stream, limits: DecodeLimits) -> int | Rejection:
    """Check the headers, and return the number of samples per channel that they announce."""
    first = stream.first
    refusal = limits.check(first.rate, first.channels, stream.frames * first.samples)
    if refusal is not None:
        return refusal
    claim = _xing_claim(audio[stream.start : stream.start + first.size], first)
    if claim is None:
        return stream.frames * first.samples
    audible = stream.frames - 1  # the Xing frame itself has no audio and is skipped
    if claim.frames not in {0, audible, stream.frames}:  # some encoders count the Xing frame, too
        return rejected("TruncatedAudio", f"the Xing header claims {claim.frames} frames and {audible} came")
    if audible == 0:
        return rejected("EmptyAudio", "the MP3 file holds no samples")
    return audible * first.samples - claim.trimmed


def _walk(audio: bytes) -> _Stream | Rejection:
    start, end = _without_tags(audio)
    if start >= end:
        return rejected("TruncatedAudio", "the MP3 file ends inside its tags")
    first = _parse_frame(audio[start : start + _HEADER])
    if first is None:
        return rejected("CorruptAudio", f"there is no layer III frame with a bit rate at byte {start}")
    at, frames = start, 0
    while at < end:
        frame = _parse_frame(audio[at : at + _HEADER])
        if frame is None:
            whole = end - at >= _HEADER
            code, problem = ("CorruptAudio", "no") if whole else ("TruncatedAudio", "half a")
            return rejected(code, f"there is {problem} layer III frame at byte {at}, where the one before it ends")
        if (frame.version, frame.rate, frame.channels) != (first.version, first.rate, first.channels):
            return rejected("CorruptAudio", f"the MPEG frame at byte {at} changes the rate or the channels")
        at += frame.size
        frames += 1
    if at > end:
        return rejected("TruncatedAudio", "the MP3 file ends inside a frame")
    return _Stream(first, start, end, frames)


def _without_tags(audio: bytes) -> tuple[int, int]:
    """Offsets of the first MPEG frame and of the byte after the last one."""
    start = 0
    while audio[start : start + 3] == b"ID3" and len(audio) >= start + _TAG_BYTES:
        flags = audio[start + 5]
        size = int.from_bytes(audio[start + 6 : start + 10], "big")
        synchsafe = sum((size >> 8 * place & 0x7F) << 7 * place for place in range(4))
        start += _TAG_BYTES + synchsafe + (_TAG_BYTES if flags & 0x10 else 0)  # 0x10: the header is repeated at the end
    end = len(audio)
    if audio[-_ID3V1_BYTES:].startswith(b"TAG"):
        end -= _ID3V1_BYTES
    footer = audio[max(end - _APE_BYTES, 0) : end]
    if footer.startswith(b"APETAGEX"):
        has_header = bool(footer[23] & 0x80)
        end -= int.from_bytes(footer[12:16], "little") + (_APE_BYTES if has_header else 0)
    return start, end


def _parse_frame(header: bytes) -> _Frame | None:
    """Read a frame header; None if it is not one, or of another layer, or of free format."""
    if len(header) < _HEADER or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - eleven bits of sync
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version not in _RATES or layer != _LAYER3 or bitrate_index in {0, 15} or rate_index == 3:  # noqa: PLR2004
        return None
    rate = _RATES[version][rate_index]
    kbits, factor = (KBITS_MPEG1, 144) if version == _MPEG1 else (KBITS_MPEG2, 72)
    channels = 1 if header[3] >> 6 == _MONO else 2
    return _Frame(version, rate, channels, factor * kbits[bitrate_index] * 1000 // rate + padding)


@dataclass(frozen=True, slots=True)
class _Claim:
    frames: int
    trimmed: int


def _xing_claim(frame: bytes, header: _Frame) -> _Claim | None:
    """Read a Xing or Info frame: the number of audio frames (0 if unknown) and of padding samples."""
    at = _HEADER + SIDE_BYTES[header.version == _MPEG1, header.channels]
    if frame[at : at + 4] not in {b"Xing", b"Info"}:
        return None
    flags = int.from_bytes(frame[at + 4 : at + 8], "big")
    frames = int.from_bytes(frame[at + 8 : at + 12], "big") if flags & 1 else 0
    lame = at + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    packed = int.from_bytes(frame[lame + 21 : lame + 24], "big")  # encoder delay and padding, 12 bits each
    return _Claim(frames, (packed >> 12) + (packed & 0xFFF))
