"""Decompression of record batches, piece by piece, so that no batch is held in memory as a whole."""

import struct
import zlib
from collections.abc import Callable, Iterator, Mapping

import cramjam
import zstandard
from lz4.frame import LZ4FrameDecompressor

#: Bytes of a piece; pieces of snappy have the size that the sender chose.
_PIECE = 256 * 1024
#: A snappy block is decompressed as a whole. Senders use blocks of 32 KiB (Java) or one per batch (librdkafka).
LARGEST_SNAPPY_BLOCK = 32 * 2**20
#: The window that every decoder must support (RFC 8878); zstd's levels up to 19 need no more.
_ZSTD_WINDOW = 8 * 2**20
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_XERIAL = b"\x82SNAPPY\0"
_XERIAL_HEADER = 16
_BLOCK_LENGTH = struct.Struct(">i")


class DecompressionError(ValueError):
    """The compressed bytes are invalid, or would expand beyond a limit. The message says which."""


def decompressed(codec: int, data: memoryview) -> Iterator[bytes]:
    """Decompress the records of a batch, piece by piece.

    Args:
        codec: Kafka's number: 1 gzip, 2 snappy, 3 LZ4, 4 zstd.
        data: The bytes after the batch's header.

    Raises:
        DecompressionError: While iterating, when the bytes cannot be decompressed.
    """
    expand = _CODECS.get(codec)
    if expand is None:
        raise DecompressionError(f"codec {codec} is not known; gzip, snappy, lz4 and zstd are")
    try:
        yield from expand(data)
    except (zlib.error, zstandard.ZstdError, cramjam.DecompressionError, RuntimeError, EOFError) as error:
        raise DecompressionError(f"{_NAMES[codec]}: {error}") from error


def _gzip(data: memoryview) -> Iterator[bytes]:
    rest: bytes | memoryview = data
    while rest:  # members may follow each other
        member = zlib.decompressobj(_GZIP_OR_ZLIB)
        while not member.eof:
            piece = member.decompress(rest, _PIECE)
            rest = member.unconsumed_tail
            if piece:
                yield piece
            elif not rest and not member.eof:
                raise EOFError("it is cut short")
        rest = member.unused_data


def _snappy(data: memoryview) -> Iterator[bytes]:
    if bytes(data[: len(_XERIAL)]) != _XERIAL:
        yield _snappy_block(data)
        return
    at = _XERIAL_HEADER
    while at < len(data):
        if at + _BLOCK_LENGTH.size > len(data):
            raise EOFError("it is cut short")
        (length,) = _BLOCK_LENGTH.unpack_from(data, at)
        at += _BLOCK_LENGTH.size
        if not 0 < length <= len(data) - at:
            raise EOFError(f"a block of {length} bytes is said to be among {len(data) - at}")
        yield _snappy_block(data[at : at + length])
        at += length


def _snappy_block(block: memoryview) -> bytes:
    size = cramjam.snappy.decompress_raw_len(block)
    if size > LARGEST_SNAPPY_BLOCK:
        raise RuntimeError(f"a block expands to {size} bytes and may expand to {LARGEST_SNAPPY_BLOCK}")
    return bytes(cramjam.snappy.decompress_raw(block))


def _lz4(data: memoryview) -> Iterator[bytes]:
    rest: bytes | memoryview = data
    while rest:  # frames may follow each other
        frame = LZ4FrameDecompressor()
        while not frame.eof:
            piece = frame.decompress(rest, max_length=_PIECE)
            rest = b""  # the frame keeps its unused input
            if piece:
                yield piece
            elif frame.needs_input and not frame.eof:
                raise EOFError("it is cut short")
        rest = frame.unused_data or b""


def _zstd(data: memoryview) -> Iterator[bytes]:
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    rest: bytes | memoryview = data
    while rest:
        with decoder.stream_reader(rest, read_size=_PIECE, read_across_frames=True) as reader:
            rest = b""
            while piece := reader.read(_PIECE):
                yield piece


_CODECS: Mapping[int, Callable[[memoryview], Iterator[bytes]]] = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
_NAMES: Mapping[int, str] = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
