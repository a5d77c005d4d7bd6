"""What the encoders of recordings have in common."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

#: A block of the audio: signed 16-bit samples, shape (frames, channels).
Samples = NDArray[np.int16]

Chunk = TypeVar("Chunk")
Piece = TypeVar("Piece")


class RunChunks(Protocol):
    """Runs a job for each chunk and returns the results in the order of the chunks, like `map`.

    Chunks are taken in the caller's thread, each when there is a thread to run it and room for its result. The job
    may run in any thread. How many chunks are taken ahead of the results bounds the memory.
    """

    def __call__(self, job: Callable[[Chunk], Piece], chunks: Iterable[Chunk], /) -> Iterator[Piece]:
        """See above."""
        ...


@dataclass(frozen=True, slots=True)
class Recording:
    """What is known of a recording before it is encoded.

    Attributes:
        rate: Sampling rate in Hz.
        channels: Number of channels.
        frames: Number of sample frames.
        pcm_sha256: Hex digest of the samples as interleaved little-endian 16-bit integers.
        loudness_db: Of each channel, see `streams.codecs.opus.loudness`.
    """

    rate: int
    channels: int
    frames: int
    pcm_sha256: str
    loudness_db: tuple[float, ...]


class RecordingEncoder(Protocol):
    """Encodes one recording: chunks are cut and pieces written in order, in one thread, and encoded in any threads."""

    def chunks(self, blocks: Iterator[Samples]) -> Iterator[Any]:
        """Cut the recording into chunks.

        Args:
            blocks: All of its audio.
        """
        ...

    def encode(self, chunk: Any) -> Any:  # noqa: ANN401 - each encoder has its own
        """Encode one chunk. Pure and thread-safe."""
        ...

    def write(self, pieces: Iterator[Any], file: BinaryIO) -> None:
        """Write the encoded chunks, in their order, to an empty file."""
        ...


def cut(blocks: Iterable[Samples], sizes: Iterator[int]) -> Iterator[Samples]:
    """Divide audio into parts of given sizes; the last one is shorter where the audio ends."""
    waiting: list[Samples] = []
    have = 0
    size = next(sizes)
    for block in blocks:
        waiting.append(block)
        have += len(block)
        while have >= size:
            joined = np.concatenate(waiting)
            yield joined[:size]
            waiting, have = [joined[size:]], have - size
            size = next(sizes)
    if have:
        yield np.concatenate(waiting)
