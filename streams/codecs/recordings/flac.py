"""FLAC of recordings: the same bytes as `FlacEncoder` gives for a clip.

Blocks are coded independently of each other, so that chunks can be coded in parallel; their blocks then get the numbers
that they have in the whole.

Source: RFC 9639.
"""

import hashlib
import struct
from collections.abc import Iterator
from itertools import repeat
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.audio.containers.flac import MD5_AT, STREAMINFO_BYTES, TOTAL_BITS, TOTALS_AT
from streams.codecs import flac
from streams.codecs.recordings.base import Recording, Samples, cut
from streams.native import ffi, lib

_CHUNK_SECONDS = 30
_FRAME_SIZES_AT, _SIZE_BYTES = 4, 3  # of the smallest and the largest frame in STREAMINFO
_LONGER_NUMBER = 5  # bytes by which a block grows, at most, when it gets its number


class _Chunk(NamedTuple):
    first_block: int
    samples: Samples


class _Piece(NamedTuple):
    """Blocks with their numbers in the whole.

    Attributes:
        streaminfo: The header's block that libFLAC wrote for them.
        first_block: Number of the first one.
        blocks: Their bytes.
        sizes: Size of each in bytes.
    """

    streaminfo: bytes
    first_block: int
    blocks: bytes
    sizes: NDArray[np.uint32]


class FlacRecordingEncoder:
    """Encodes one recording, see `RecordingEncoder`.

    Args:
        effort: See `FlacEncoder`.
        recording: What is encoded.
    """

    def __init__(self, effort: int, recording: Recording) -> None:
        self._effort = effort
        self._recording = recording
        self._block = flac.block_size(recording.rate)
        self._md5 = hashlib.md5(usedforsecurity=False)

    def chunks(self, blocks: Iterator[Samples]) -> Iterator[_Chunk]:
        """See `RecordingEncoder`."""
        number = 0
        per_chunk = max(round(_CHUNK_SECONDS * self._recording.rate / self._block), 1)
        for samples in cut(blocks, repeat(per_chunk * self._block)):
            contiguous = np.ascontiguousarray(samples)
            self._md5.update(contiguous.astype("<i2", copy=False).data)
            yield _Chunk(number, contiguous)
            number += per_chunk

    def encode(self, chunk: _Chunk) -> _Piece:
        """See `RecordingEncoder`."""
        file, starts = flac.libflac_file(chunk.samples, self._recording.rate, self._effort, 1)
        streaminfo, _, frames = flac.parts(file)
        renumbered = np.empty(len(frames) + _LONGER_NUMBER * len(starts), np.uint8)
        sizes = np.empty(len(starts), np.uint32)
        size = lib.flac_renumber(
            ffi.from_buffer("uint8_t[]", frames),
            ffi.from_buffer("uint64_t[]", starts - starts[0]),
            len(starts),
            len(frames),
            chunk.first_block,
            ffi.from_buffer("uint8_t[]", renumbered),
            ffi.from_buffer("uint32_t[]", sizes),
        )
        return _Piece(bytes(streaminfo), chunk.first_block, renumbered[:size].tobytes(), sizes)

    def write(self, pieces: Iterator[_Piece], file: BinaryIO) -> None:
        """See `RecordingEncoder`."""
        rate, frames = self._recording.rate, self._recording.frames
        seek_blocks = [sample // self._block for sample in flac.seek_samples(frames, rate)]
        offsets: list[int] = []
        written, smallest, largest, streaminfo = 0, 1 << 24, 0, b""
        file.write(self._head(bytes(STREAMINFO_BYTES), [0] * len(seek_blocks)))
        for piece in pieces:
            streaminfo = streaminfo or piece.streaminfo
            ends = np.cumsum(piece.sizes, dtype=np.int64)
            after = piece.first_block + len(piece.sizes)
            while len(offsets) < len(seek_blocks) and seek_blocks[len(offsets)] < after:
                block = seek_blocks[len(offsets)] - piece.first_block
                offsets.append(written + int(ends[block] - piece.sizes[block]))
            smallest, largest = min(smallest, int(piece.sizes.min())), max(largest, int(piece.sizes.max()))
            written += file.write(piece.blocks)
        file.seek(0)
        file.write(self._head(self._streaminfo(streaminfo, smallest, largest), offsets))

    def _head(self, streaminfo: bytes, offsets: list[int]) -> bytes:
        table = flac.seek_table(self._recording.frames, self._recording.rate, offsets)
        return b"".join(flac.headers(streaminfo, table))

    def _streaminfo(self, first: bytes, smallest: int, largest: int) -> bytes:
        """STREAMINFO of the whole, from that of the first chunk."""
        whole = bytearray(first)
        sizes = smallest.to_bytes(_SIZE_BYTES, "big") + largest.to_bytes(_SIZE_BYTES, "big")
        whole[_FRAME_SIZES_AT : _FRAME_SIZES_AT + len(sizes)] = sizes
        packed: int = struct.unpack_from(">Q", whole, TOTALS_AT)[0]
        struct.pack_into(">Q", whole, TOTALS_AT, packed >> TOTAL_BITS << TOTAL_BITS | self._recording.frames)
        whole[MD5_AT:] = self._md5.digest()
        return bytes(whole)
