"""Decoded audio that comes block by block, so that its length does not matter."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.rejection import Rejection
from streams.audio.clip import Clip, SourceFormat
from streams.audio.limits import rejected

#: Sample frames of a block, at most, where a decoder has no size of its own.
BLOCK_FRAMES = 1 << 17

#: Signed 16-bit samples, shape (frames, channels); or the reason why there are no more, as the last block.
Block = NDArray[np.int16] | Rejection


@dataclass(frozen=True, slots=True)
class AudioBlocks:
    """One input, while it is decoded.

    Attributes:
        rate: Sampling rate in Hz.
        channels: Number of channels.
        source: Container and encoding as sent.
        blocks: The audio, which can be read once. Where it ends with a `Rejection`, the input is refused.
        release: Releases what decoding holds, also if no block was read; can be called several times.
    """

    rate: int
    channels: int
    source: SourceFormat
    blocks: Iterator[Block]
    release: Callable[[], None] = lambda: None

    def close(self) -> None:
        """Give up decoding, or end it."""
        if isinstance(self.blocks, Generator):
            self.blocks.close()
        self.release()


def collected(audio: AudioBlocks | Rejection) -> Clip | Rejection:
    """Decode all blocks to a clip."""
    if isinstance(audio, Rejection):
        return audio
    pieces = []
    for block in audio.blocks:
        if isinstance(block, Rejection):
            return block
        pieces.append(block)
    return Clip.of(pieces[0] if len(pieces) == 1 else np.concatenate(pieces), audio.rate, audio.source)


def nonempty(blocks: Iterator[Block], name: str) -> Iterator[Block]:
    """The same blocks, without empty ones; a rejection if there are no others.

    Args:
        blocks: The audio.
        name: Of the file, such as ``MP3``.
    """
    frames = 0
    for block in blocks:
        if isinstance(block, Rejection):
            yield block
            return
        if len(block):
            frames += len(block)
            yield block
    if not frames:
        yield rejected("EmptyAudio", f"the {name} file holds no samples")
