"""Decodes files with libsndfile within limits. Their headers must have been checked before."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from schemas.rejection import Rejection
from streams.audio.containers import pcm
from streams.audio.limits import DecodeLimits, rejected

Read = Callable[[Any], NDArray[np.int16] | None]

_CHUNK = 1 << 15  # frames per read: memory grows with the actual audio, not with the length that the header claims


class _Sequential(soundfile.SoundFile):  # type: ignore[misc]  # soundfile has no types
    """A sound file that can only be read sequentially.

    For a seekable file, soundfile trusts the claimed length, and seeks after every read, which is slow in FLAC.
    """

    def seekable(self) -> bool:
        return False


def read_all(audio: bytes, read: Read, limits: DecodeLimits) -> tuple[NDArray[np.int16], int] | Rejection:
    """Decode a whole file chunk by chunk.

    Args:
        audio: A file in a format of libsndfile.
        read: Reads one chunk from an open `soundfile.SoundFile`, such as `float_chunk`; None means invalid samples.
        limits: Limits; reading stops as soon as the audio exceeds them.

    Returns:
        Samples of shape (frames, channels) and the sampling rate in Hz, or a `Rejection`.
    """
    try:
        with _Sequential(io.BytesIO(audio)) as file:
            samples = _read_chunks(file, read, limits)
            return samples if isinstance(samples, Rejection) else (samples, int(file.samplerate))
    except soundfile.LibsndfileError as error:
        return rejected("CorruptAudio", f"the file cannot be decoded: {error.error_string}")


def float_chunk(file: Any) -> NDArray[np.int16] | None:  # noqa: ANN401 - soundfile has no types
    """Read a chunk of a lossy format as floats: converted by libsndfile, they would wrap around instead of clip."""
    return pcm.from_float(file.read(_CHUNK, dtype="float32", always_2d=True))


def int_chunk(file: Any, dtype: str, most: int = -1) -> NDArray[Any]:  # noqa: ANN401 - soundfile has no types
    """Read a chunk of integers, left-aligned in ``int16`` or ``int32``; at most so many frames, -1 for all."""
    chunk: NDArray[Any] = file.read(_CHUNK if most < 0 else min(most, _CHUNK), dtype=dtype, always_2d=True)
    return chunk


def _read_chunks(file: Any, read: Read, limits: DecodeLimits) -> NDArray[np.int16] | Rejection:  # noqa: ANN401
    chunks: list[NDArray[np.int16]] = []
    frames = 0
    refusal = limits.check(file.samplerate, file.channels, 0)
    while refusal is None:
        chunk = read(file)
        if chunk is None:
            return rejected("CorruptAudio", "the file decodes to samples that are not finite numbers")
        if not len(chunk):
            break
        chunks.append(chunk)
        frames += len(chunk)
        refusal = limits.check(file.samplerate, file.channels, frames)
    if refusal is not None:
        return refusal
    return np.concatenate(chunks) if chunks else np.empty((0, file.channels), np.int16)
