"""Reads the length of a result's file from its structure, without a decoder: WAV, FLAC, OGG, MP3.

Sizes and checksums on the way are verified. It is for machines without decoders, and independent of the worker's code.

Sources: RIFF; RFC 9639 (FLAC); RFC 3533 and 7845 (OGG, Opus); Vorbis I; ISO/IEC 11172-3; the Info tag of LAME.
"""

import struct
from collections.abc import Iterator

_OGG_HEADER, _OGG_CRC = 27, slice(22, 26)
_OGG_POLYNOMIAL, _OGG_LAST = 0x04C11DB7, 0x04
_OPUS_CLOCK = 48_000
_MPEG_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}  # by version
_MPEG1_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBITS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_MPEG1 = 3
_TAG_AT = {(True, False): 36, (True, True): 21, (False, False): 21, (False, True): 13}  # by (MPEG-1, mono)


def milliseconds(audio: bytes) -> float:
    """The length of a file.

    Raises:
        ValueError: If its structure is broken; the message says how.
    """
    readers = {b"RIFF": _wave, b"fLaC": _flac, b"OggS": _ogg}
    try:
        return 1000 * readers.get(audio[:4], _mpeg)(audio)
    except (struct.error, IndexError, ZeroDivisionError):
        raise ValueError("the file ends too soon") from None


def _wave(audio: bytes) -> float:
    at, bytes_per_second = 12, 0
    while at < len(audio):
        name, size = struct.unpack_from("<4sI", audio, at)
        if at + 8 + size > len(audio):
            raise ValueError(f"the chunk {name!a} is longer than the file")
        if name == b"fmt ":
            [bytes_per_second] = struct.unpack_from("<I", audio, at + 16)
        if name == b"data":
            return float(size / bytes_per_second)
        at += 8 + size + size % 2
    raise ValueError("the file has no data")


def _flac(audio: bytes) -> float:
    if audio[4] & 0x7F != 0:
        raise ValueError("the file does not begin with STREAMINFO")
    packed = int.from_bytes(audio[18:26], "big")  # rate, channels, bits, and 36 bits of total samples
    at, is_last = 4, False
    while not is_last:
        is_last = bool(audio[at] & 0x80)
        at += 4 + int.from_bytes(audio[at + 1 : at + 4], "big")
    if audio[at] != 0xFF or audio[at + 1] & 0xFE != 0xF8:  # noqa: PLR2004 - a frame's mark
        raise ValueError("there is no frame after the metadata")
    return float((packed & (1 << 36) - 1) / (packed >> 44))


def _ogg(audio: bytes) -> float:
    pages = list(_pages(audio))
    if not pages[-1][0] & _OGG_LAST:
        raise ValueError("the stream has no end")
    samples, first = pages[-1][1], pages[0][2]
    if first.startswith(b"OpusHead"):
        return float((samples - struct.unpack_from("<H", first, 10)[0]) / _OPUS_CLOCK)
    if first.startswith(b"\x01vorbis"):
        return float(samples / struct.unpack_from("<I", first, 12)[0])
    raise ValueError("the stream is neither Opus nor Vorbis")


def _pages(audio: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Flags, position and content of each page."""
    at = 0
    while at < len(audio):
        mark, _, flags, position, _, _, crc, segments = struct.unpack_from("<4sBBqIIIB", audio, at)
        begin = at + _OGG_HEADER + segments
        end = begin + sum(audio[at + _OGG_HEADER : begin])
        page = bytearray(audio[at:end])
        page[_OGG_CRC] = bytes(4)
        if mark != b"OggS" or end > len(audio) or _ogg_crc(page) != crc:
            raise ValueError(f"the page at byte {at} is damaged")
        yield flags, position, audio[begin:end]
        at = end


def _ogg_crc(page: bytearray) -> int:
    crc = 0
    for octet in page:
        crc ^= octet << 24
        for _ in range(8):
            crc = (crc << 1 ^ _OGG_POLYNOMIAL if crc & 0x80000000 else crc << 1) & 0xFFFFFFFF
    return crc


def _mpeg(audio: bytes) -> float:
    at = frames = skipped = 0
    while at < len(audio):
        [header] = struct.unpack_from(">I", audio, at)
        version, bitrate, rate = header >> 19 & 3, header >> 12 & 15, header >> 10 & 3
        if header >> 21 != 0x7FF or version not in _MPEG_RATES or not 0 < bitrate < 15 or rate == 3:  # noqa: PLR2004
            raise ValueError(f"there is no frame of MPEG audio at byte {at}")
        kbits = (_MPEG1_KBITS if version == _MPEG1 else _MPEG2_KBITS)[bitrate - 1]
        hertz, samples = _MPEG_RATES[version][rate], 1152 if version == _MPEG1 else 576
        size = samples // 8 * kbits * 1000 // hertz + (header >> 9 & 1)
        tag = at + _TAG_AT[version == _MPEG1, header >> 6 & 3 == 3]  # noqa: PLR2004 - mono
        if audio[tag : tag + 4] in {b"Info", b"Xing"}:
            skipped += _delays(audio, tag)
        else:
            frames += 1
        at += size
    return float((frames * samples - skipped) / hertz)


def _delays(audio: bytes, tag: int) -> int:
    """Samples that the encoder has put before and behind the audio, by the Info tag at this offset."""
    has = int.from_bytes(audio[tag + 4 : tag + 8], "big")  # number of frames, of bytes, seek table, quality
    at = tag + 8 + sum(size for bit, size in enumerate((4, 4, 100, 4)) if has >> bit & 1)
    delays = int.from_bytes(audio[at + 21 : at + 24], "big")
    return (delays >> 12) + (delays & 0xFFF)
