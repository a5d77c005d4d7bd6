"""Pages of damaged OGG files, and of files with short pages."""

import struct
from itertools import cycle, islice
from pathlib import Path
from typing import BinaryIO

from streams.audio.containers import ogg

_PACKETS = Path(__file__).parents[1] / "unit/audio/cases/opus-no-eos.opus"


def sealed(audio: bytes) -> bytes:
    """Correct the checksums of damaged OGG pages, so that the damage reaches the decoder."""
    pages: list[bytes] = []
    at = 0
    while audio[at : at + 4] == b"OggS" and at + 27 <= len(audio):
        body = at + 27 + audio[at + 26]
        end = min(body + sum(audio[at + 27 : body]), len(audio))
        pages.append(ogg.sealed(audio[at:end]))
        at = end
    return b"".join(pages) + audio[at:]


def write_short_pages(seconds: int, file: BinaryIO, *, ends: bool = True) -> None:
    """Write a long Opus file at 8 kHz with a page for each packet of 20 ms, as some recorders of live streams do.

    Args:
        seconds: Duration of the file; its packets are repeated.
        file: Where it is written.
        ends: Whether the last page has its flag.
    """
    audio = _PACKETS.read_bytes()
    pages = ogg.walk(audio)
    assert isinstance(pages, list)
    head, tags, *packets = ogg.packets(audio, pages)
    count = 50 * seconds
    file.write(_page(head, 0, 0, ogg.BEGINS) + _page(tags, 0, 1, 0))
    for number, packet in enumerate(islice(cycle(packets), count), 1):
        file.write(_page(packet, 960 * number, number + 1, ogg.ENDS if ends and number == count else 0))
    file.flush()


def _page(packet: bytes, granule: int, sequence: int, flags: int) -> bytes:
    lacing = bytes([255] * (len(packet) // 255) + [len(packet) % 255])
    head = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 1, sequence, 0, len(lacing))
    return ogg.sealed(head + lacing + packet)
