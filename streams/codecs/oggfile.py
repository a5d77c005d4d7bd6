"""Writes OGG files with one logical stream.

Pages are filled to their limit of 255 segments. FFmpeg's pages are one second long: their headers are 3 % of a file at
8 kbit/s.

Source: RFC 3533.
"""

import struct
from collections.abc import Iterator, Sequence

from streams.audio.containers import ogg

_BEGINS, _ENDS = 0x02, 0x04
_SEGMENTS = 255
_SERIAL = 0


def write(headers: Sequence[bytes], packets: Sequence[bytes], granules: Sequence[int]) -> bytes:
    """Return the bytes of an OGG file.

    Args:
        headers: The codec's header packets, one page each; each shorter than 65,025 bytes.
        packets: The audio, at least one packet, each shorter than 65,025 bytes.
        granules: The codec's position after each packet.
    """
    pages = [([header], 0) for header in headers] + list(_filled(packets, granules))
    last = len(pages) - 1
    return b"".join(
        _page(bodies, granule, number, (_BEGINS if number == 0 else 0) | (_ENDS if number == last else 0))
        for number, (bodies, granule) in enumerate(pages)
    )


def _filled(packets: Sequence[bytes], granules: Sequence[int]) -> Iterator[tuple[Sequence[bytes], int]]:
    """Yield the complete packets of each page, and the codec's position after the last of them."""
    start = used = 0
    for number, packet in enumerate(packets):
        segments = len(packet) // 255 + 1
        if used + segments > _SEGMENTS:
            yield packets[start:number], granules[number - 1]
            start, used = number, 0
        used += segments
    yield packets[start:], granules[-1]


def _page(bodies: Sequence[bytes], granule: int, number: int, flags: int) -> bytes:
    lacing = b"".join([b"\xff" * (len(body) // 255) + bytes((len(body) % 255,)) for body in bodies])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, _SERIAL, number, 0, len(lacing))
    return ogg.sealed(b"".join((head, lacing, *bodies)))
