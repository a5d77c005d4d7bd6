"""Fits the classifier of music and speech: a logistic discriminant of `streams.analysis.music.features`.

Prompts and hold music are the main content of calls, and count twice. They are of one voice and a few bands only,
so that games in Debian add variety: actors' dialogue over noise, and soundtracks.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from infra.debian import fetched
from schemas import MediaType
from schemas.media_type import OGG
from scripts.demonstration.recordings import named_clips
from streams.analysis.activity import normalised
from streams.analysis.music import features
from streams.analysis.spectrum import spectrum
from streams.audio import Clip, decode

CACHE = Path(__file__).resolve().parents[2] / ".build" / "games"
"""Where the games' recordings are kept."""

RATE = 8000  # Hz
_DIALOGUE, *_SOUNDTRACKS = "fillets-ng-data-cs", "extremetuxracer-data", "frozen-bubble-data", "neverball-data"
_EXCERPT_S, _SHORTEST_EXCERPT_S = 2.0, 0.6
_QUIETEST = 10 ** (-50 / 20)  # of full scale: quieter excerpts are pauses
_PROMPT_EXCERPTS, _DIALOGUE_EXCERPTS, _SOUNDTRACK_EXCERPTS, _HOLD_EXCERPTS = 2, 2, 30, 150
_LONGEST_S = 60.0  # of a soundtrack
_SHORTEST_TRACK_S = 20.0  # shorter ones are effects
_MOST_DIALOGUE_S = 900.0
_DIALOGUE_GROUPS = 3
_TELEPHONE_WEIGHT = 4.0
_RIDGE = 1.0
_ROUNDS = 30
_DIGITS = 2

Signal = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """A recording, or several of one voice, which are fitted or left out together.

    Attributes:
        kind: ``prompts``, ``hold music``, ``dialogue`` or ``soundtracks``.
        name: Unique among all.
        excerpts: The features of its excerpts, shape (excerpts, features).
    """

    kind: str
    name: str
    excerpts: NDArray[np.float64]

    @property
    def is_music(self) -> bool:
        """Whether it is music."""
        return self.kind in {"hold music", "soundtracks"}


@dataclass(frozen=True, slots=True)
class Discriminant:
    """Classifies as music if the weighted sum of the features plus the bias is positive."""

    weights: NDArray[np.float64]
    bias: float

    def right(self, source: Source) -> NDArray[np.bool_]:
        """Which excerpts it classifies correctly."""
        right: NDArray[np.bool_] = (source.excerpts @ self.weights + self.bias > 0) == source.is_music
        return right


def sources(telephone: Path, games: Path, say: Callable[[str], None]) -> list[Source]:
    """Load all sources.

    Args:
        telephone: Where the prompts and the hold music are, as `scripts.benchmarks.corpus` keeps them.
        games: Directory of the games' recordings; fetched if it is missing.
        say: Called with a line before each long step.

    Raises:
        UnavailableError: If the games' recordings cannot be fetched.
    """
    chance = np.random.default_rng(1)
    sound = fetched(games, (_DIALOGUE, *_SOUNDTRACKS), "dialogue and music of games", say) / "usr/share/games"
    found = [*_prompts(telephone, chance), *_hold_music(telephone, chance)]
    say("listening to the games")
    return [*found, *_dialogue(sound, chance), *_soundtracks(sound, chance)]


def fit(found: Sequence[Source]) -> Discriminant:
    """Fit by iteratively reweighted least squares, with equal weights of both classes."""
    rows = np.concatenate([source.excerpts for source in found])
    is_music = np.concatenate([np.full(len(source.excerpts), source.is_music) for source in found]).astype(np.float64)
    telephone = np.concatenate([np.full(len(s.excerpts), s.kind in {"prompts", "hold music"}) for s in found])
    weight = np.where(is_music > 0, 1 / is_music.mean(), 1 / (1 - is_music.mean()))
    weight *= np.where(telephone, _TELEPHONE_WEIGHT, 1.0)
    middle, spread = rows.mean(axis=0), rows.std(axis=0)
    scaled = np.column_stack([(rows - middle) / spread, np.ones(len(rows))])
    fitted = np.zeros(scaled.shape[1])
    for _ in range(_ROUNDS):
        likely = 1 / (1 + np.exp(-(scaled @ fitted)))
        curvature = (scaled * (weight * likely * (1 - likely) + 1e-9)[:, None]).T @ scaled
        slope = scaled.T @ (weight * (is_music - likely)) - _RIDGE * fitted
        fitted += np.linalg.solve(curvature + _RIDGE * np.eye(len(fitted)), slope)
    weights = fitted[:-1] / spread
    return Discriminant(np.round(weights, _DIGITS), round(float(fitted[-1] - weights @ middle), _DIGITS))


def left_out(found: Sequence[Source]) -> dict[str, float]:
    """By kind, the share of excerpts that are classified correctly when their source is left out of the fit."""
    right: dict[str, list[NDArray[np.bool_]]] = {}
    for out in found:
        others = [source for source in found if source is not out]
        right.setdefault(out.kind, []).append(fit(others).right(out))
    return {kind: float(np.concatenate(answers).mean()) for kind, answers in right.items()}


def _prompts(directory: Path, chance: np.random.Generator) -> Iterator[Source]:
    by_voice: dict[str, list[Signal]] = {}
    for name, clip in named_clips(directory, "sounds"):
        by_voice.setdefault(name.partition("/")[0], []).append(normalised(clip.samples)[:, 0])
    for voice, signals in by_voice.items():
        yield _source("prompts", voice, signals, _PROMPT_EXCERPTS, chance)


def _hold_music(directory: Path, chance: np.random.Generator) -> Iterator[Source]:
    for name, clip in named_clips(directory, "moh"):
        yield _source("hold music", name, [normalised(clip.samples)[:, 0]], _HOLD_EXCERPTS, chance)


def _dialogue(games: Path, chance: np.random.Generator) -> Iterator[Source]:
    files = sorted(games.glob("fillets-ng/sound/*/cs/*.ogg"))
    chance.shuffle(files)
    signals: list[Signal] = []
    seconds = 0.0
    while files and seconds < _MOST_DIALOGUE_S:
        signals.append(_narrow(files.pop()))
        seconds += len(signals[-1]) / RATE
    for group in range(_DIALOGUE_GROUPS):
        chosen = signals[group::_DIALOGUE_GROUPS]
        yield _source("dialogue", f"dialogue {group}", chosen, _DIALOGUE_EXCERPTS, chance)


def _soundtracks(games: Path, chance: np.random.Generator) -> Iterator[Source]:
    for file in sorted(games.rglob("*.ogg")):
        if "fillets-ng" not in file.parts:
            signal = _narrow(file)
            if len(signal) >= _SHORTEST_TRACK_S * RATE:
                yield _source("soundtracks", file.name, [signal], _SOUNDTRACK_EXCERPTS, chance)


def _source(kind: str, name: str, signals: Sequence[Signal], count: int, chance: np.random.Generator) -> Source:
    rows = []
    for signal in signals:
        length = min(round(_EXCERPT_S * RATE), len(signal))
        if length >= _SHORTEST_EXCERPT_S * RATE:
            for start in chance.integers(0, len(signal) - length + 1, count):
                excerpt = signal[start : start + length]
                if excerpt.std() >= _QUIETEST:
                    rows.append(features(spectrum(excerpt, RATE)))
    return Source(kind, name, np.array(rows))


def _narrow(file: Path) -> Signal:
    """The beginning of a file in telephone quality: one channel, 8 kHz, nothing above 4 kHz."""
    clip = decode(file.read_bytes(), MediaType(OGG))
    if not isinstance(clip, Clip):
        return np.empty(0, np.float32)
    mixed = normalised(clip.samples[: round(_LONGEST_S * clip.rate)]).mean(axis=1)
    length = round(len(mixed) * RATE / clip.rate)
    kept = np.fft.rfft(mixed)[: length // 2 + 1]
    return (np.fft.irfft(kept, length) * length / len(mixed)).astype(np.float32)
