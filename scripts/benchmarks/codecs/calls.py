"""Content that is harder than prompts: calls with two sides, hold music within speech, quiet talkers."""

from collections.abc import Callable, Mapping
from itertools import cycle

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.corpus import Corpus, Named
from streams.audio import Clip, SourceFormat

Signal = NDArray[np.float64]

RATE = 8000  # Hz
SOURCE = SourceFormat("raw", "pcm")
SECONDS = 20
QUIET_DBFS = (-49.0, -54.0, -58.0, -68.0)

_FRAMES = SECONDS * RATE
_BABBLE_DB = -20.0  # relative to the voices
_BABBLING = 6  # voices
_OVERLAP = 0.2  # share of the time in which both sides talk
_LONGEST_TURN = 6 * RATE  # samples
_LONG = 6 * RATE  # samples
_GAP = RATE // 4  # samples between turns
_MUSIC_S = 6


class Material:
    """Takes prompts and music of the corpus, one after the other, so that each call has its own.

    Args:
        found: The corpus.
    """

    def __init__(self, found: Corpus) -> None:
        self._speech = cycle(found.speech)
        self._music = cycle(found.music)

    def prompt(self) -> Signal:
        """The next prompt."""
        return _signal(next(self._speech))

    def prompts(self, frames: int) -> Signal:
        """Whole prompts one after the other, of this length at least."""
        parts = [self.prompt()]
        while sum(map(len, parts)) < frames:
            parts.append(self.prompt())
        return np.concatenate(parts)

    def voice(self, frames: int = _FRAMES) -> Signal:
        """Prompts one after the other, of this length."""
        return self.prompts(frames)[:frames]

    def music(self, frames: int = _FRAMES) -> Signal:
        """Excerpts of hold music."""
        parts = [_signal(next(self._music))]
        while sum(map(len, parts)) < frames:
            parts.append(_signal(next(self._music)))
        return np.concatenate(parts)[:frames]

    def babble(self, level: float) -> Signal:
        """Several voices at once, with this root mean square."""
        room = np.sum([self.voice() for _ in range(_BABBLING)], axis=0)
        babble: Signal = room * level / _rms(room)
        return babble


def turns(found: Material) -> Clip:
    """Both sides speak in turn; the other one is digitally silent."""
    return _call(*_turns(found, _GAP))


def overlapping(found: Material) -> Clip:
    """Both sides speak in turn, and begin before the other has ended: one in five seconds has both."""
    return _call(*_turns(found, None))


def both(found: Material) -> Clip:
    """Both sides begin at the same time, and the one that has less to say is silent at the end."""
    said = [found.prompts(_LONG) for _ in range(2)]
    length = max(map(len, said))
    return _call(*(np.pad(prompt, (0, length - len(prompt))) for prompt in said))


def incessant(found: Material) -> Clip:
    """Both sides speak all the time, without pauses between their prompts."""
    return _call(found.voice(), found.voice())


def babble(found: Material) -> Clip:
    """Both sides speak in turn, each in a room with other voices 20 dB below its own."""
    sides = _turns(found, _GAP)
    return _call(*(side + found.babble(_rms(side[side != 0]) * 10 ** (_BABBLE_DB / 20)) for side in sides))


def hold(found: Material) -> Clip:
    """Hold music on one side, a voice on the other."""
    return _call(found.music(), found.voice())


def voice(found: Material) -> Clip:
    """Mono: one voice."""
    return _call(found.voice())


def equal(found: Material) -> Clip:
    """A mono recording as stereo."""
    voice = found.voice()
    return _call(voice, voice)


def one_sided(found: Material) -> Clip:
    """A voice on one side, nothing on the other."""
    return _call(found.voice(), np.zeros(_FRAMES))


def with_music(found: Material) -> Clip:
    """Mono: speech with some seconds of hold music in the middle."""
    length = _FRAMES - _MUSIC_S * RATE
    voice = found.voice(length)
    return _call(np.concatenate([voice[: length // 2], found.music(_MUSIC_S * RATE), voice[length // 2 :]]))


def quiet(level_dbfs: float) -> Callable[[Material], Clip]:
    """Make calls of a voice with this level."""

    def call(found: Material) -> Clip:
        voice = found.voice()
        active = voice[np.abs(voice) > _rms(voice) / 10]
        return _call(voice * 32768 * 10 ** (level_dbfs / 20) / _rms(active))

    return call


def noisy(found: Material) -> Clip:
    """Mono: speech with white noise 20 dB below it."""
    voice = found.voice()
    return _call(voice + np.random.default_rng(0).normal(0, _rms(voice) * 10 ** (_BABBLE_DB / 20), _FRAMES))


CONTENTS: Mapping[str, Callable[[Material], Clip]] = {
    "clean turns": turns,
    "one in five seconds overlapping": overlapping,
    "both sides at once": both,
    "both sides without pauses": incessant,
    "turns over babble": babble,
    "hold music and a voice": hold,
    "one side silent": one_sided,
    "mono as stereo": equal,
    "music within speech": with_music,
    "speech in noise": noisy,
    **{f"a talker at {level:.0f} dBFS": quiet(level) for level in QUIET_DBFS},
}


def side(call: Clip, number: int) -> Clip:
    """One side of a call, as a mono clip."""
    return Clip.of(call.samples[:, number].copy(), call.rate, call.source)


def _turns(found: Material, gap: int | None) -> tuple[Signal, Signal]:
    """Sides that alternate; without a gap they overlap."""
    sides = np.zeros((2, _FRAMES))
    start = 0
    for turn in range(_FRAMES):
        said = found.prompt()[: min(_LONGEST_TURN, _FRAMES - start)]
        sides[turn % 2, start : start + len(said)] += said
        start += len(said) + gap if gap is not None else round(len(said) * (1 - _OVERLAP / (1 + _OVERLAP)))
        if start >= _FRAMES:
            break
    return sides[0], sides[1]


def _signal(named: Named) -> Signal:
    return named[1].samples[:, 0].astype(np.float64)


def _rms(signal: Signal) -> float:
    return float(np.sqrt(np.mean(signal**2)))


def _call(*sides: Signal) -> Clip:
    low, high = np.iinfo(np.int16).min, np.iinfo(np.int16).max
    samples = np.clip(np.rint(np.stack(sides, axis=1)), low, high).astype(np.int16)
    return Clip.of(samples, RATE, SOURCE)
