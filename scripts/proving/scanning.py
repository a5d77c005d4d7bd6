"""Scan of one file or raw device: its bytes as they lie, and the record batches in it, decompressed."""

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from scripts.proving.matching import Matcher
from streams.kafka.protocol.decompression import DecompressionError, decompressed
from streams.kafka.protocol.record_batch import FORMAT, HEADER_BYTES, header_of, is_intact

_CHUNK = 8 * 2**20
#: Larger batches are reported as not decoded.
_LARGEST_BATCH = 64 * 2**20
_FORMAT_AT, _ATTRIBUTES_AT = 16, 21
_LAST_CODEC = 4
_YEAR_2000, _YEAR_2100 = 946_684_800_000, 4_102_444_800_000
_PLACES = 10


@dataclass(slots=True)
class Scan:
    """What a scan has found.

    Attributes:
        scanned: Bytes read.
        batches: Compressed record batches that were decoded.
        undecoded: Compressed record batches that could not be decoded, or not as a whole.
        undecoded_places: Where the first of them are.
        unread: What could not be read, and why.
        hits: How often each pattern was found, by its name.
        places: The first places of each pattern.
    """

    scanned: int = 0
    batches: int = 0
    undecoded: int = 0
    undecoded_places: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)

    def hit(self, name: str, place: str) -> None:
        """Count a pattern that was found."""
        self.hits[name] += 1
        places = self.places.setdefault(name, [])
        if len(places) < _PLACES:
            places.append(place)

    def fail_to_decode(self, place: str) -> None:
        """Count a record batch that could not be decoded."""
        self.undecoded += 1
        if len(self.undecoded_places) < _PLACES:
            self.undecoded_places.append(place)


def size_of(path: Path) -> int:
    """Bytes of a file or block device."""
    with path.open("rb") as file:
        return file.seek(0, os.SEEK_END)


def scan_file(path: Path, matcher: Matcher, scan: Scan, on_bytes: Callable[[int], None]) -> None:
    """Scan a file or block device in chunks that overlap; what cannot be read is noted in the scan."""
    try:
        with path.open("rb") as file:
            _scan(file.fileno(), str(path), matcher, scan, on_bytes)
    except OSError as error:
        scan.unread.append(f"{path}: {error.strerror}")


def _scan(file: int, name: str, matcher: Matcher, scan: Scan, on_bytes: Callable[[int], None]) -> None:
    overlap = max(matcher.longest, HEADER_BYTES)
    start = 0
    while data := os.pread(file, _CHUNK + overlap, start):
        for position, pattern in matcher.find(data, _CHUNK):
            scan.hit(pattern.name, f"{name} at {start + position}")
        for position in _batches(data):
            _scan_batch(file, f"{name} at {start + position}", start + position, matcher, scan)
        step = min(_CHUNK, len(data))
        scan.scanned += step
        on_bytes(step)
        start += step


def _batches(data: bytes) -> Iterator[int]:
    """Positions in a chunk at which a compressed record batch may begin."""
    formats = np.frombuffer(data, np.uint8)[_FORMAT_AT : _CHUNK + _FORMAT_AT]
    for at in np.flatnonzero(formats == FORMAT):
        position = int(at)
        start = data[position : position + HEADER_BYTES]
        if len(start) == HEADER_BYTES and start[:2] == b"\0\0" and start[_ATTRIBUTES_AT] == 0 and _is_plausible(start):
            yield position


def _is_plausible(start: bytes) -> bool:
    header = header_of(memoryview(start))
    return (
        1 <= header.codec <= _LAST_CODEC
        and _length(start) > HEADER_BYTES
        and 0 < header.records <= header.last_offset - header.base_offset + 1
        and _YEAR_2000 < header.last_time < _YEAR_2100
    )


def _length(start: bytes) -> int:
    return 12 + int.from_bytes(start[8:12], "big", signed=True)


def _scan_batch(file: int, place: str, start: int, matcher: Matcher, scan: Scan) -> None:
    length = _length(os.pread(file, HEADER_BYTES, start))
    batch = memoryview(os.pread(file, min(length, _LARGEST_BATCH), start))
    header = header_of(batch)
    try:
        for pattern in _matches(decompressed(header.codec, batch[HEADER_BYTES:]), matcher):
            scan.hit(pattern, f"{place}, in a compressed record batch")
    except DecompressionError:
        scan.fail_to_decode(place)
        return
    if len(batch) == length and is_intact(batch, header):
        scan.batches += 1
    else:
        scan.fail_to_decode(place)


def _matches(pieces: Iterable[bytes], matcher: Matcher) -> Iterator[str]:
    """Names of the patterns in a stream of pieces, also of those that lie across a border."""
    kept = b""
    for piece in pieces:
        data = kept + piece
        end = max(0, len(data) - matcher.longest)
        yield from (pattern.name for _, pattern in matcher.find(data, end))
        kept = data[end:]
    yield from (pattern.name for _, pattern in matcher.find(kept, len(kept)))
