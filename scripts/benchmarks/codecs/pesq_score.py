"""Scores encoded clips with PESQ's reference implementation (package pesq)."""

import io

import numpy as np
import pesq
import soundfile
from numpy.typing import NDArray

from streams.audio import Clip

_NARROW_BAND_RATE = 8000


def score(clip: Clip, audio: bytes) -> float | None:
    """Score an encoded file against its clip.

    Args:
        clip: The reference; mono, 8 kHz.
        audio: A file that libsndfile opens.

    Returns:
        PESQ-NB's mean opinion score, 1 to 4.55 (MOS-LQO); None where PESQ finds no speech in the reference.

    Raises:
        ValueError: If the clip has another rate or more channels, or the file another rate or length than the clip.
    """
    (only,) = scores(clip, audio)
    return only


def scores(clip: Clip, audio: bytes) -> list[float | None]:
    """Score each channel of an encoded file, as `score` does."""
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
    if clip.rate != _NARROW_BAND_RATE or (rate, samples.shape) != (clip.rate, clip.samples.shape):
        raise ValueError(f"{samples.shape} at {rate} Hz cannot be compared with {clip.samples.shape} at {clip.rate} Hz")
    return [_score(before, after) for before, after in zip(clip.samples.T, samples.T, strict=True)]


def _score(before: NDArray[np.int16], after: NDArray[np.int16]) -> float | None:
    result: float = pesq.pesq(_NARROW_BAND_RATE, before, after, "nb", on_error=pesq.PesqError.RETURN_VALUES)
    return result if result > 0 else None
