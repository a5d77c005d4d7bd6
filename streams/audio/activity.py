"""Where in a clip something sounds, how loud, and whether it was too loud."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.audio.spectrum import FULL_SCALE

_FRAME_S = 0.02
_FLOOR_S = 3.0  # nobody speaks longer without a gap of one frame, so the quietest frame around is the background
_ABOVE_FLOOR = 8.0  # 9 dB: a steady background varies by half of that
_ALWAYS_SILENT = 1e-6  # -60 dBFS: inaudible beside speech, which telephony keeps near -20
_NEVER_SILENT = 1e-4  # -40 dBFS: music and tones leave no gaps, and must not be taken for a background
_HANGOVER = 2  # frames that still belong to the sound before and after: weak consonants
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
        samples: Samples between -1 and 1, shape (frames, channels); the loudest channel counts in each frame.
        rate: Sampling rate in Hz.
    """
    size = min(round(rate * _FRAME_S), len(samples))
    frames = len(samples) // size
    framed = samples[: frames * size].reshape(frames, size, -1)
    power = np.einsum("fsc,fsc->fc", framed, framed).max(axis=1) / size
    background = _running_minimum(power, round(_FLOOR_S / _FRAME_S))
    loud = power > np.minimum(np.maximum(background * _ABOVE_FLOOR, _ALWAYS_SILENT), _NEVER_SILENT)
    kept = np.convolve(loud, np.ones(2 * _HANGOVER + 1), "same") > 0 if frames > 2 * _HANGOVER else loud
    mean = float(power[loud].mean() if loud.any() else power.mean())
    return Activity(int(np.count_nonzero(kept)) / frames, 10 * float(np.log10(mean)) if mean > 0 else -np.inf)


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
    return samples.astype(np.float32) * np.float32(1 / FULL_SCALE)


def _running_minimum(values: NDArray[np.float32], window: int) -> NDArray[np.float32]:
    """The lowest value around each, by doubling spans."""
    edge = window // 2
    padded = np.empty(len(values) + 2 * edge, values.dtype)
    padded[:edge], padded[edge:-edge], padded[-edge:] = values[0], values, values[-1]
    span = 1
    while 2 * span <= window:
        padded = np.minimum(padded[:-span], padded[span:])
        span *= 2
    rest = window - span
    if rest:
        padded = np.minimum(padded[:-rest], padded[rest:])
    return padded[: len(values)]
