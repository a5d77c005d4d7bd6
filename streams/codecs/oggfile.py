"""Writing OGG files with one logical stream.

Pages are filled to their limit of 255 segments, unlike FFmpeg's, which are a second long: their headers are 3 % of a
file at 8 kbit/s.

Source: RFC 3533.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from streams.audio import ogg

_BEGINS, _ENDS = 0x02, 0x04
_SEGMENTS = 255
_SERIAL = 0


class Packet(NamedTuple):
    """One packet of a codec.

    Attributes:
        data: The packet.
        granule: The codec's position after it.
    """

    data: bytes
    granule: int


def write(headers: Sequence[bytes], packets: Sequence[Packet]) -> bytes:
    """Write a file.

    Args:
        headers: The codec's header packets, each put on a page of its own; shorter than 65,025 bytes.
        packets: The audio, at least one packet, each shorter than 65,025 bytes.
    """
    pages = [([header], 0) for header in headers] + list(_filled(packets))
    last = len(pages) - 1
    return b"".join(
        _page(bodies, granule, number, (_BEGINS if number == 0 else 0) | (_ENDS if number == last else 0))
        for number, (bodies, granule) in enumerate(pages)
    )


def _filled(packets: Sequence[Packet]) -> Iterator[tuple[list[bytes], int]]:
    """Whole packets, page by page, with the position after the last."""
    bodies: list[bytes] = []
    granule = used = 0
    for packet in packets:
        segments = len(packet.data) // 255 + 1
        if used + segments > _SEGMENTS:
            yield bodies, granule
            bodies, used = [], 0
        bodies.append(packet.data)
        granule = packet.granule
        used += segments
    yield bodies, granule


def _page(bodies: Sequence[bytes], granule: int, number: int, flags: int) -> bytes:
    lacing = b"".join(b"\xff" * (len(body) // 255) + bytes((len(body) % 255,)) for body in bodies)
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, _SERIAL, number, 0, len(lacing))
    return ogg.sealed(b"".join((head, lacing, *bodies)))
