"""Where in a clip something sounds, how loud, and whether it was too loud."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.analysis.spectrum import FULL_SCALE
from streams.native import ffi, lib

_FRAME_S = 0.02
_FLOOR_S = 3.0  # nobody speaks longer without a gap of one frame, so the quietest frame around is the background
_RAILS = 32_700  # G.711 ends at 32124 and 32256; limiters stop a little below full scale
_FEWEST_RAILED = 3  # samples in a row: a single peak may just touch full scale


@dataclass(frozen=True, slots=True)
class Activity:
    """How much of a clip is sound.

    Attributes:
        share: Share of time that is not silence, 0 to 1.
        level_dbfs: Root mean square of that time, or of everything where all is silence; -inf for digital silence.
    """

    share: float
    level_dbfs: float


def activity(samples: NDArray[np.float32], rate: int) -> Activity:
    """Tell sound from silence by energy against a tracked background.

    Args:
        samples: Samples between -1 and 1, shape (frames, channels), contiguous; the loudest channel
            counts in each frame.
        rate: Sampling rate in Hz.
    """
    size = min(round(rate * _FRAME_S), len(samples))
    frames = len(samples) // size
    power, mean = np.empty(frames, np.float32), ffi.new("double *")
    sounding = lib.sounding_frames(
        ffi.from_buffer("float[]", samples),
        frames,
        size,
        samples.shape[1],
        round(_FLOOR_S / _FRAME_S) // 2,
        ffi.from_buffer("float[]", power),
        mean,
    )
    return Activity(sounding / frames, 10 * math.log10(mean[0]) if mean[0] > 0 else -math.inf)


def clipping(samples: NDArray[np.int16]) -> float:
    """Share of samples that lie at full scale in runs, 0 to 1.

    Args:
        samples: Shape (frames, channels).
    """
    if max(int(samples.max()), -int(samples.min())) < _RAILS:
        return 0.0
    railed = np.abs(samples.astype(np.int32)) >= _RAILS
    run = railed[: len(railed) - _FEWEST_RAILED + 1].copy()
    for step in range(1, _FEWEST_RAILED):
        run &= railed[step : len(run) + step]
    inside = np.zeros_like(railed)
    for step in range(_FEWEST_RAILED):
        inside[step : len(run) + step] |= run
    return float(inside.mean())


def normalised(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Scale samples to between -1 and 1."""
    scaled = samples.astype(np.float32)
    scaled *= np.float32(1 / FULL_SCALE)
    return scaled
