"""Resamples to the rates that a codec supports, with FFmpeg's resampler (PyAV)."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

import av
import numpy as np
from numpy.typing import NDArray

from streams.audio.clip import Clip

_FILTER_SAMPLES = 64  # at least the length of the resampler's filter


def to_known_rate(clip: Clip, rates: Sequence[int]) -> tuple[NDArray[np.int16], int]:
    """Resample a clip to a rate that a codec supports: its own rate, or the next higher one.

    Args:
        clip: The audio; its rate is not above all of the rates.
        rates: Supported rates in Hz, ascending.

    Returns:
        Samples of shape (frames, channels), whose duration is exact to half a sample, and their rate in Hz.
    """
    rate = known_rate(clip.rate, rates)
    if rate == clip.rate:
        return clip.samples, rate
    frames = resampled_frames(clip.frames, clip.rate, rate)
    return np.ascontiguousarray(np.concatenate(list(resampled([clip.samples], clip.rate, rate, frames)))), rate


def known_rate(rate: int, rates: Sequence[int]) -> int:
    """The rate itself, or the next higher one that is supported."""
    return next(known for known in rates if rate <= known)


def resampled_frames(frames: int, rate: int, to_rate: int) -> int:
    """Number of sample frames after resampling."""
    return round(frames * to_rate / rate)


def resampled(blocks: Iterable[NDArray[np.int16]], rate: int, to_rate: int, frames: int) -> Iterator[NDArray[np.int16]]:
    """Resample audio block by block; how it is divided makes no difference.

    Args:
        blocks: The audio, shape (frames, channels) each; at least one.
        rate: Its rate in Hz.
        to_rate: The new rate in Hz.
        frames: Number of sample frames to return.
    """
    if rate == to_rate:
        yield from blocks
        return
    resampler: av.AudioResampler | None = None
    done, channels = 0, 1
    for frame in _with_silence_and_end(blocks, rate):
        if resampler is None:
            assert frame is not None  # noqa: S101 - the end is not the beginning
            channels = len(frame.layout.channels)
            resampler = av.AudioResampler(format="s16", layout=frame.layout, rate=to_rate)
        for piece in resampler.resample(frame):
            samples = piece.to_ndarray().astype(np.int16, copy=False).reshape(-1, channels)[: frames - done]
            done += len(samples)
            yield samples


def _with_silence_and_end(blocks: Iterable[NDArray[np.int16]], rate: int) -> Iterator[av.AudioFrame | None]:
    """The blocks, silence and None: the filter does not return its last few samples, even when flushed."""
    channels = 1
    for block in blocks:
        channels = block.shape[1]
        yield _frame(block, rate)
    yield _frame(np.zeros((_FILTER_SAMPLES, channels), np.int16), rate)
    yield None


def _layout(block: NDArray[np.int16]) -> str:
    return "mono" if block.shape[1] == 1 else "stereo"


def _frame(block: NDArray[np.int16], rate: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(block).reshape(1, -1), format="s16", layout=_layout(block))
    frame.sample_rate = rate
    frame.time_base = Fraction(1, rate)
    return frame
