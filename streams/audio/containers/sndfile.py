"""Decodes files with libsndfile within limits. Their headers must have been checked before."""

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from streams.audio.blocks import Block
from streams.audio.containers import pcm
from streams.audio.containers.content import Readable, Spliced
from streams.audio.limits import DecodeLimits, rejected

Read = Callable[[Any], NDArray[np.int16] | None]

_CHUNK = 1 << 15  # frames per read: memory grows with the actual audio, not with the length that the header claims


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that can only be read sequentially.

    For a seekable file, soundfile trusts the claimed length, and seeks after every read, which is slow in FLAC.
    """

    def seekable(self) -> bool:
        return False


def read_blocks(parts: Sequence[Readable], read: Read, limits: DecodeLimits) -> Iterator[Block]:
    """Decode a whole file block by block.

    Args:
        parts: A file in a format of libsndfile, of which the parts are one behind the other.
        read: Reads one chunk from an open `soundfile.SoundFile`, such as `float_chunk`; None means invalid samples.
        limits: Limits; reading stops as soon as the audio exceeds them.

    Yields:
        Samples of shape (frames, channels).
    """
    try:
        with _Sequential(_file(parts)) as file:
            yield from _read_chunks(file, read, limits)
    except soundfile.LibsndfileError as error:
        yield rejected("CorruptAudio", f"the file cannot be decoded: {error.error_string}")


def _file(parts: Sequence[Readable]) -> io.BytesIO | Spliced:
    """The parts as a file; what is in memory needs no Python to be read."""
    in_memory = [part for part in parts if isinstance(part, bytes)]
    return io.BytesIO(b"".join(in_memory)) if len(in_memory) == len(parts) else Spliced(*parts)


def float_chunk(file: Any) -> NDArray[np.int16] | None:  # noqa: ANN401 - soundfile has no types
    """Read a chunk of a lossy format as floats: converted by libsndfile, they would wrap around instead of clip."""
    return pcm.from_float(file.read(_CHUNK, dtype="float32", always_2d=True))


def int_chunk(file: Any, dtype: str, most: int = -1) -> NDArray[Any]:  # noqa: ANN401 - soundfile has no types
    """Read a chunk of integers, left-aligned in ``int16`` or ``int32``; at most so many frames, -1 for all."""
    chunk: NDArray[Any] = file.read(_CHUNK if most < 0 else min(most, _CHUNK), dtype=dtype, always_2d=True)
    return chunk


def _read_chunks(file: Any, read: Read, limits: DecodeLimits) -> Iterator[Block]:  # noqa: ANN401 - as above
    frames = 0
    refusal = limits.check(file.samplerate, file.channels, 0)
    while refusal is None:
        chunk = read(file)
        if chunk is None:
            yield rejected("CorruptAudio", "the file decodes to samples that are not finite numbers")
            return
        if not len(chunk):
            return
        frames += len(chunk)
        refusal = limits.check(file.samplerate, file.channels, frames)
        if refusal is None:
            yield chunk
    yield refusal
