"""Where a file has its fields and units, so that a mutation can change what a parser relies on.

Damaged files have layouts as well: what is found before the damage.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

_SEARCHED = 400  # units that are looked for in one file


class Field(NamedTuple):
    """A number in a file: where, how many bytes, which end first."""

    at: int
    size: int
    big_endian: bool = False


class Layout(NamedTuple):
    """The fields of a file, and its units (chunks, metadata blocks, pages, frames) as beginnings and ends."""

    fields: list[Field]
    units: list[tuple[int, int]]


def layout_of(audio: bytes) -> Layout:
    """The layout of a WAV, Wave64, FLAC, OGG or MP3 file; of anything else, frames of GSM without fields."""
    for magic, reader in _READERS.items():
        if audio.startswith(magic):
            return reader(audio)
    return _mpeg(audio) if audio[:1] == b"\xff" or audio[:3] == b"ID3" else _frames_of_gsm(audio)


def _riff(audio: bytes) -> Layout:
    fields, units, at = [Field(4, 4)], [], 12
    while at + 8 <= len(audio):
        size = int.from_bytes(audio[at + 4 : at + 8], "little")
        fields += [Field(at, 4), Field(at + 4, 4)]
        if audio[at : at + 4] == b"fmt ":
            fields += [Field(at + 8 + offset, length) for offset, length in _FORMAT]
        if audio[at : at + 4] == b"ds64":
            fields += [Field(at + 8 + offset, 8) for offset in (0, 8, 16)]
        end = min(at + 8 + size + size % 2, len(audio))
        units.append((at, end))
        at = end
    return Layout(fields, units)


#: Offsets and sizes of the fields of a WAV file's format, the extensible part included.
_FORMAT = ((0, 2), (2, 2), (4, 4), (8, 4), (12, 2), (14, 2), (16, 2), (18, 2), (20, 4), (24, 2))


def _wave64(audio: bytes) -> Layout:
    fields, units, at = [Field(16, 8)], [], 40
    while at + 24 <= len(audio):
        size = int.from_bytes(audio[at + 16 : at + 24], "little")
        fields += [Field(at, 4), Field(at + 16, 8)]
        if audio[at : at + 4] == b"fmt ":
            fields += [Field(at + 24 + offset, length) for offset, length in _FORMAT]
        end = min(at + max(size + -size % 8, 24), len(audio))
        units.append((at, end))
        at = end
    return Layout(fields, units)


def _flac(audio: bytes) -> Layout:
    fields, units, at, last = [], [], 4, False
    while not last and at + 4 <= len(audio):
        last, size = bool(audio[at] & 0x80), int.from_bytes(audio[at + 1 : at + 4], "big")
        fields += [Field(at, 1), Field(at + 1, 3, big_endian=True)]
        if audio[at] & 0x7F == 0:  # the stream's own description
            fields += [Field(at + 4 + offset, length, big_endian=True) for offset, length in _STREAM_INFO]
        elif size >= 4:
            fields += [Field(at + 4, 4), Field(at + 4, 4, big_endian=True)]
        units.append((at, min(at + 4 + size, len(audio))))
        at = units[-1][1]
    return Layout(*_with_frames(fields, units, list(_found(rb"\xff[\xf8\xf9]", audio, at)), 6, len(audio)))


_STREAM_INFO = ((0, 2), (2, 2), (4, 3), (7, 3), (10, 3), (12, 2), (13, 1), (14, 4), (18, 8))


def _ogg(audio: bytes) -> Layout:
    fields, units, at = [], [], 0
    while audio[at : at + 4] == b"OggS" and at + 27 <= len(audio):
        body = at + 27 + audio[at + 26]
        end = min(body + sum(audio[at + 27 : body]), len(audio))
        fields += [Field(at + offset, length) for offset, length in _PAGE]
        fields += [Field(place, 1) for place in (*range(at + 27, body), *range(body, min(body + 40, end)))]
        units.append((at, end))
        at = end
    return Layout(fields, units)


_PAGE = ((4, 1), (5, 1), (6, 8), (14, 4), (18, 4), (22, 4), (26, 1))


def _mpeg(audio: bytes) -> Layout:
    fields, units, at = [], [], 0
    if audio[:3] == b"ID3":
        fields += [Field(3, 1), Field(4, 1), Field(5, 1), Field(6, 4, big_endian=True), Field(14, 4, big_endian=True)]
        at = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(audio[6:10], (21, 14, 7, 0), strict=False))
        units.append((0, min(at, len(audio))))
    for name in _found(rb"Xing|Info|LAME|VBRI", audio, 0):
        fields += [Field(name + offset, 4, big_endian=True) for offset in (0, 4, 8, 12, 116)]
    return Layout(*_with_frames(fields, units, list(_found(rb"\xff[\xe2-\xff]", audio, at)), 8, len(audio)))


def _frames_of_gsm(audio: bytes) -> Layout:
    return Layout([Field(0, 1)], [(at, at + 33) for at in range(0, len(audio), 33)][:_SEARCHED])


def _with_frames(
    fields: list[Field], units: list[tuple[int, int]], starts: list[int], header_bytes: int, end: int
) -> tuple[list[Field], list[tuple[int, int]]]:
    fields += [Field(start + offset, 1) for start in starts for offset in range(header_bytes)]
    units += list(zip(starts, [*starts[1:], end], strict=False))
    return fields, units


def _found(pattern: bytes, audio: bytes, start: int) -> Iterator[int]:
    for number, match in enumerate(re.finditer(pattern, audio[start:], re.DOTALL)):
        if number == _SEARCHED:
            return
        yield start + match.start()


_READERS: dict[bytes, Callable[[bytes], Layout]] = {
    b"RIFF": _riff,
    b"RF64": _riff,
    b"RIFX": _riff,
    b"riff": _wave64,
    b"fLaC": _flac,
    b"OggS": _ogg,
}
