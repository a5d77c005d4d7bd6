"""Resamples to the rates that a codec supports, with FFmpeg's resampler (PyAV)."""

from collections.abc import Sequence
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
    rate = next(known for known in rates if clip.rate <= known)
    return (clip.samples if rate == clip.rate else _resampled(clip, rate)), rate


def _resampled(clip: Clip, rate: int) -> NDArray[np.int16]:
    layout = "mono" if clip.channels == 1 else "stereo"
    # The filter does not return its last few samples, even when flushed: pad with silence.
    padded = np.pad(clip.samples, ((0, _FILTER_SAMPLES), (0, 0)))
    frame = av.AudioFrame.from_ndarray(padded.reshape(1, -1), format="s16", layout=layout)
    frame.sample_rate = clip.rate
    frame.time_base = Fraction(1, clip.rate)
    resampler = av.AudioResampler(format="s16", layout=layout, rate=rate)
    frames = resampler.resample(frame) + resampler.resample(None)
    samples = np.concatenate([frame.to_ndarray().reshape(-1, clip.channels) for frame in frames])
    return np.ascontiguousarray(samples[: round(clip.frames * rate / clip.rate)])
