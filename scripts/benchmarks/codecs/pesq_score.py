"""Scores encoded clips with PESQ's reference implementation (package pesq)."""

import io

import pesq
import soundfile

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
    samples, rate = soundfile.read(io.BytesIO(audio), dtype="int16", always_2d=True)
    if (clip.rate, clip.channels) != (_NARROW_BAND_RATE, 1) or (rate, samples.shape) != (clip.rate, clip.samples.shape):
        raise ValueError(f"{samples.shape} at {rate} Hz cannot be compared with {clip.samples.shape} at {clip.rate} Hz")
    result: float = pesq.pesq(rate, clip.samples[:, 0], samples[:, 0], "nb", on_error=pesq.PesqError.RETURN_VALUES)
    return result if result > 0 else None
