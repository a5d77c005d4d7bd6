"""Prompts as calls change them: quieter, with pauses, noisy, through G.711. A model needs more than studio sound."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from streams.audio import Clip, g711

_NOISE_DB, _BABBLE_DB = -28.0, -20.0  # relative to the clip


def plain(clip: Clip) -> Clip:
    """The clip as it is."""
    return clip


def quieter(clip: Clip) -> Clip:
    """12 dB down."""
    return _of(clip, clip.samples / 4)


def faint(clip: Clip) -> Clip:
    """24 dB down."""
    return _of(clip, clip.samples / 16)


def paused(clip: Clip) -> Clip:
    """As much silence, with a little noise, as there is speech: one half in front, one behind."""
    silence = np.random.default_rng(0).normal(0, 3, (clip.frames // 2, clip.channels))
    return _of(clip, np.concatenate([silence, clip.samples, silence]))


def noisy(clip: Clip) -> Clip:
    """With white noise, 28 dB below the speech."""
    loudness = np.sqrt(np.mean(clip.samples.astype(np.float64) ** 2)) * 10 ** (_NOISE_DB / 20)
    return _of(clip, clip.samples + np.random.default_rng(0).normal(0, loudness, clip.samples.shape))


def whispered(clip: Clip) -> Clip:
    """40 dB down: some samples above the rounding to 16 bits."""
    return _of(clip, clip.samples / 100)


def babbling(clip: Clip) -> Clip:
    """With other voices, 20 dB below the speech."""
    return _of(clip, clip.samples + _babble(clip.samples, clip.samples))


def listening(clip: Clip) -> Clip:
    """With other voices, 20 dB below the speech, and as much of them alone: one half in front, one behind."""
    silence = np.zeros((clip.frames // 2, clip.channels))
    longer = np.concatenate([silence, clip.samples, silence])
    return _of(clip, longer + _babble(longer, clip.samples))


def companded(clip: Clip) -> Clip:
    """Through G.711 µ-law."""
    return Clip.of(g711.decode(g711.encode(clip.samples, "pcmu"), "pcmu"), clip.rate, clip.source)


VARIANTS: tuple[Callable[[Clip], Clip], ...] = (
    plain,
    quieter,
    faint,
    paused,
    noisy,
    companded,
    whispered,
    babbling,
    listening,
)


def _babble(samples: NDArray[np.generic], speech: NDArray[np.int16]) -> NDArray[np.float64]:
    """The speech itself, forwards and backwards and in six places at once, as long as the samples."""
    many = np.tile(speech.astype(np.float64), (-(-len(samples) // len(speech)), 1))[: len(samples)]
    turned = [np.roll(many if voice % 2 else many[::-1], len(many) * voice // 7, axis=0) for voice in range(1, 7)]
    babble = np.sum(turned, axis=0)
    wanted = np.sqrt(np.mean(speech.astype(np.float64) ** 2)) * 10 ** (_BABBLE_DB / 20)
    quieter: NDArray[np.float64] = babble * (wanted / np.sqrt(np.mean(babble**2)))
    return quieter


def _of(clip: Clip, samples: NDArray[np.float64]) -> Clip:
    low, high = np.iinfo(np.int16).min, np.iinfo(np.int16).max
    return Clip.of(np.clip(np.rint(samples), low, high).astype(np.int16), clip.rate, clip.source)
