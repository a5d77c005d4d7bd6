"""Sound activity of a clip: share of time that is not silence, level, and clipping."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streams.analysis.spectrum import FULL_SCALE
from streams.native import ffi, lib

_FRAME_S = 0.02
_FLOOR_S = 3.0  # nobody speaks longer without a gap of one frame, so the quietest frame in this window is background
_AROUND = round(_FLOOR_S / _FRAME_S) // 2  # frames on either side
_CLIP_LEVEL = 32_700  # the largest G.711 samples are 32124 and 32256; limiters stop a little below full scale
_MIN_CLIPPED_RUN = 3  # consecutive samples: a single peak may reach full scale without being clipped


@dataclass(frozen=True, slots=True)
class Activity:
    """Share of sound in a clip, and its level.

    Attributes:
        share: Share of time that is not silence, 0 to 1.
        level_dbfs: Root mean square of that time in dB below full scale, or of the whole clip if all is silence; -inf
            for digital silence.
        background_db: Root mean square of what is heard behind the sound (noise, other voices), in dB relative to the
            sound; -inf for digital silence behind it, or no sound.
        loud_share: Share of time at most 12 dB below that level: most of a voice, little of what is behind it.
    """

    share: float
    level_dbfs: float
    background_db: float
    loud_share: float


def activity(samples: NDArray[np.float32], rate: int) -> Activity:
    """Separate sound from silence by comparing the energy of 20 ms frames with a tracked background level.

    Args:
        samples: Samples between -1 and 1, shape (frames, channels), contiguous; in each frame, the loudest channel
            counts.
        rate: Sampling rate in Hz.
    """
    return activity_and_power(samples, frame_size(rate, len(samples)))[0]


def frame_size(rate: int, frames: int) -> int:
    """Samples of each channel in a frame of 20 ms; all of audio that is shorter."""
    return min(round(rate * _FRAME_S), frames)


def activity_and_power(samples: NDArray[np.float32], size: int) -> tuple[Activity, NDArray[np.float32]]:
    """The activity, and the power of each frame, shape (frames,), from which `activity_of` computes it again.

    Args:
        samples: See `activity`.
        size: Samples of each channel in a frame.
    """
    frames = len(samples) // size
    power, levels = np.empty(frames, np.float32), ffi.new("double[3]")
    sounding = lib.sounding_frames(
        ffi.from_buffer("float[]", samples),
        frames,
        size,
        samples.shape[1],
        _AROUND,
        ffi.from_buffer("float[]", power),
        levels,
    )
    return _activity(sounding, frames, levels), power


def activity_of(power: NDArray[np.float32]) -> Activity:
    """The activity of audio by the power of its frames, at least one."""
    levels = ffi.new("double[3]")
    sounding = lib.sounding_levels(ffi.from_buffer("float[]", power), len(power), _AROUND, levels)
    return _activity(sounding, len(power), levels)


def _activity(sounding: int, frames: int, levels: Any) -> Activity:  # noqa: ANN401 - a C array
    level, background = (10 * math.log10(power) if power > 0 else -math.inf for power in levels[0:2])
    behind = background - level if background > -math.inf else background
    return Activity(sounding / frames, level, behind, levels[2])


def clipping(samples: NDArray[np.int16]) -> float:
    """Share of samples at full scale in runs of three and more, 0 to 1.

    Args:
        samples: Signed 16-bit samples, shape (frames, channels).
    """
    return clipped(samples) / samples.size


def clipped(samples: NDArray[np.int16]) -> int:
    """Number of samples at full scale in runs of three and more, see `clipping`."""
    if max(int(samples.max()), -int(samples.min())) < _CLIP_LEVEL:
        return 0
    loud = np.abs(samples.astype(np.int32)) >= _CLIP_LEVEL
    run = loud[: len(loud) - _MIN_CLIPPED_RUN + 1].copy()
    for step in range(1, _MIN_CLIPPED_RUN):
        run &= loud[step : len(run) + step]
    inside = np.zeros_like(loud)
    for step in range(_MIN_CLIPPED_RUN):
        inside[step : len(run) + step] |= run
    return int(np.count_nonzero(inside))


def normalised(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Scale 16-bit samples to floats between -1 and 1."""
    scaled = samples.astype(np.float32)
    scaled *= np.float32(1 / FULL_SCALE)
    return scaled
