"""Reads the frame headers of MPEG audio, layer III, and the Xing, Info and VBRI frames.

Source: ISO/IEC 11172-3, 13818-3; the Xing and Info header as LAME documents it; Fraunhofer's VBRI header.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from streams.audio.containers.content import Content

_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
KBITS_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
KBITS_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
SIDE_BYTES = {(True, 1): 17, (True, 2): 32, (False, 1): 9, (False, 2): 17}  # by (is MPEG-1, channels)
HEADER_BYTES = 4
_MPEG1, _LAYER3, _MONO = 3, 1, 3
_LARGEST = 8192  # bytes of a frame of free format: more than any decoder takes
_NO_CHECKSUM = 0x01  # in the second byte of a header
_RATE_BITS, _LOWEST_BITRATE, _HIGHEST_BITRATE = 0x0C, 0x10, 0xE0  # in the third one
_VBRI_AT = 36  # bytes from the beginning of the frame, whatever its side information
_CHAIN = 4  # frames in succession: in random bytes, one beginning in 10**20
_FREE_FRAMES = 16
_FIXED = 0xFFFF_FDCF  # bits of a header that are the same in all frames: not the padding and the kind of joint stereo


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame header.

    Attributes:
        form: Version, sampling rate in Hz and channels, which are the same in all frames of a stream.
        size: Size of the frame in bytes, with its header.
    """

    form: tuple[int, int, int]
    size: int

    @property
    def is_mpeg1(self) -> bool:
        """Whether it is of MPEG-1; MPEG-2 and 2.5 have half as many samples per frame."""
        return self.form[0] == _MPEG1

    @property
    def rate(self) -> int:
        """Sampling rate in Hz."""
        return self.form[1]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self.form[2]

    @property
    def samples(self) -> int:
        """Samples per channel."""
        return 1152 if self.is_mpeg1 else 576


@dataclass(frozen=True, slots=True)
class Info:
    """What a Xing, Info or VBRI frame says of the frames after it.

    Attributes:
        frames: Their number; 0 if unknown.
        delay: Samples that the encoder put before the audio.
        padding: Samples that it put behind.
    """

    frames: int
    delay: int = 0
    padding: int = 0


def frame_at(audio: Content, at: int, free_size: int = 0) -> Frame | None:
    """Read the header of a layer III frame; None if there is none.

    Args:
        audio: The file.
        at: Offset of the header in bytes.
        free_size: Size of an unpadded frame of free format, if known; otherwise it is taken from the next frames.
    """
    header = audio[at : at + HEADER_BYTES]
    if len(header) < HEADER_BYTES or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:  # noqa: PLR2004 - eleven bits
        return None
    version, layer = header[1] >> 3 & 3, header[1] >> 1 & 3
    bitrate_index, rate_index, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version not in _RATES or layer != _LAYER3 or bitrate_index == 15 or rate_index == 3:  # noqa: PLR2004
        return None
    rate = _RATES[version][rate_index]
    form = version, rate, 1 if header[3] >> 6 == _MONO else 2
    if bitrate_index == 0:
        size = free_size or _free_size(audio, at)
        return Frame(form, size + padding) if size else None
    kbits, factor = (KBITS_MPEG1, 144) if version == _MPEG1 else (KBITS_MPEG2, 72)
    return Frame(form, factor * kbits[bitrate_index] * 1000 // rate + padding)


def frames_from(audio: Content, at: int) -> Iterator[tuple[int, Frame]]:
    """Offsets and headers of consecutive frames of one form; the last one may be cut by the end of the bytes."""
    first = frame = frame_at(audio, at)
    free_size = 0 if first is None or audio[at + 2] >> 4 else _free_size(audio, at)
    while first is not None and frame is not None and frame.form == first.form:
        yield at, frame
        at += frame.size
        frame = frame_at(audio, at, free_size)


def free_frames(audio: bytes) -> list[bytes]:
    """What the first frames of free format have behind their headers; empty if the bytes do not begin with such frames.

    Their header is a pair of small numbers, as are the samples of quiet raw audio, where a few headers are found by
    chance. So there have to be many, or some that reach the end of the bytes, and all have to be the same.
    """
    frames = list(islice(frames_from(audio, 0), _FREE_FRAMES))
    headers = {int.from_bytes(audio[at : at + HEADER_BYTES], "big") & _FIXED for at, _ in frames}
    end = frames[-1][0] + frames[-1][1].size if frames else 0
    is_whole = len(frames) == _FREE_FRAMES or (len(frames) >= _CHAIN and end >= len(audio))
    if not is_whole or len(headers) > 1:
        return []
    return [audio[at + HEADER_BYTES : at + frame.size] for at, frame in frames]


def is_chain(audio: Content, at: int, fewest: int = _CHAIN) -> bool:
    """Whether so many frames follow one another from this offset, or at least two that reach the end of the bytes."""
    ends = [start + frame.size for start, frame in islice(frames_from(audio, at), fewest)]
    return len(ends) == fewest or (len(ends) > 1 and ends[-1] == len(audio))


def find_chain(audio: Content, at: int) -> int | None:
    """Offset of the next frame that others follow, or that has a Xing, Info or VBRI header."""
    at = audio.find(b"\xff", at)
    while at >= 0:
        frame = frame_at(audio, at)
        if frame is not None and (is_chain(audio, at) or info_of(audio[at : at + frame.size], frame) is not None):
            return at
        at = audio.find(b"\xff", at + 1)
    return None


def info_of(data: bytes, frame: Frame) -> Info | None:
    """Read a Xing, Info or VBRI frame; None if it is audio.

    Args:
        data: The bytes of the frame.
        frame: Its header.
    """
    if data[_VBRI_AT : _VBRI_AT + 4] == b"VBRI":
        return Info(int.from_bytes(data[_VBRI_AT + 14 : _VBRI_AT + 18], "big"))
    at = HEADER_BYTES + SIDE_BYTES[frame.is_mpeg1, frame.channels]
    if data[at : at + 4] not in {b"Xing", b"Info"}:
        return None
    flags = int.from_bytes(data[at + 4 : at + 8], "big")
    frames = int.from_bytes(data[at + 8 : at + 12], "big") if flags & 1 else 0
    lame = at + 8 + 4 * (flags & 1) + 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    if not any(data[lame : lame + 4]):  # no encoder signed it
        return Info(frames)
    packed = int.from_bytes(data[lame + 21 : lame + 24], "big")
    return Info(frames, packed >> 12, packed & 0xFFF)


def lead_in(header: bytes, frames: int) -> bytes:
    """Make a Xing frame, which says how many frames follow it, and a silent one.

    mpg123 believes the number, and cuts off the decoder's delay behind a Xing frame: that is why one is silent.

    Args:
        header: Header of one of the frames that will follow, not of free format.
        frames: Their number.
    """
    xing, silence = _without_sound(header, _HIGHEST_BITRATE), _without_sound(header, _LOWEST_BITRATE)
    frame = frame_at(xing, 0)
    assert frame is not None  # noqa: S101 - version, layer and rate are those of a frame
    at = HEADER_BYTES + SIDE_BYTES[frame.is_mpeg1, frame.channels]
    tag = struct.pack(">4sII", b"Xing", 1, frames + 1)
    return xing[:at] + tag + xing[at + len(tag) :] + silence


def _without_sound(header: bytes, bitrate: int) -> bytes:
    """A frame of zeros, without a checksum, of the form of another one."""
    own = header[:1] + bytes([header[1] | _NO_CHECKSUM, bitrate | header[2] & _RATE_BITS]) + header[3:HEADER_BYTES]
    frame = frame_at(own, 0)
    assert frame is not None  # noqa: S101 - version, layer and rate are those of a frame
    return own.ljust(frame.size, b"\0")


def _free_size(audio: Content, at: int) -> int:
    """Size of an unpadded frame of free format, from the distance of the next two; 0 if they are not there."""
    there = audio.find(audio[at : at + 2], at + HEADER_BYTES, at + _LARGEST)
    while there >= 0:
        size = there - at - _padding(audio, at)
        if _is_alike(audio, at, there) and _is_alike(audio, at, there + size + _padding(audio, there)):
            return size
        there = audio.find(audio[at : at + 2], there + 1, at + _LARGEST)
    return 0


def _padding(audio: Content, at: int) -> int:
    return audio[at + 2] >> 1 & 1


def _is_alike(audio: Content, at: int, there: int) -> bool:
    """Whether two headers of free format differ in nothing but padding and stereo mode."""
    one, other = audio[at : at + HEADER_BYTES], audio[there : there + HEADER_BYTES]
    same = len(other) == HEADER_BYTES and one[:2] == other[:2] and one[2] | 3 == other[2] | 3
    return same and (one[3] >> 6 == _MONO) == (other[3] >> 6 == _MONO)
