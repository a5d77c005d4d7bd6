"""Fits the quality model to examples."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scripts.benchmarks.codecs.examples import Example
from streams.codecs import Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.compression.quality import BEST_EFFORT, MUSIC, NOISY, SPEECH, Feature

SPEECH_BITRATES = (
    6000,
    6500,
    7000,
    7500,
    8000,
    8500,
    9000,
    10_000,
    11_000,
    12_000,
    14_000,
    16_000,
    20_000,
    24_000,
    32_000,
)
MUSIC_BITRATES = (8000, 12_000, 16_000, 20_000, 24_000, 32_000, 48_000, 64_000)
MP3_BITRATES = (8000, 16_000, 24_000, 32_000, 40_000, 48_000, 64_000)
VORBIS_QUALITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
EFFORTS = (0, 2, 3, 4, 6)  # those from 8 on are the same
EFFORT_BITRATES = (6000, 7000, 9000, 11_000, 14_000, 20_000, 32_000)

# Beyond these limits, louder is not better, nor are fewer pauses; the loss grows faster below -45 dBFS.
FEATURES = (
    Feature("level_dbfs", -45.0, -30.0, -30.0, 10.0),
    Feature("level_dbfs", -62.0, -45.0, -45.0, 10.0),
    Feature("loud_share", 0.25, 0.6, 0.6, 0.2),
    Feature("background_db", -38.0, -18.0, -38.0, 10.0),
)
_LEVELS = 2  # of them, the first ones
_SIGNS = (1, 1, 0, 0)  # of their weights: louder is not worse; pauses and noise may be either
_RIDGE = 0.5  # weight, in clips without influence
_NOISY_MARGIN = 0.03  # MOS: for rooms that the curve was not fitted to
_MUSIC_PERCENTILE = 25.0  # PESQ does not judge music well: a margin
_DIGITS = 4

# PESQ-NB cannot tell these: they are the bands that Opus codes at each rate, rounded up.
_BANDS = {
    "opus": ((4000, 1.0), (6000, 1.25), (8000, 1.5), (12_000, 2.0), (24_000, 2.5)),
    "mpeg": ((4000, 1.0), (8000, 1.5), (12_000, 2.0), (24_000, 2.5)),
}
# Two channels of different sound in one stream need so many times the bits of one, or for Vorbis so much more of its
# quality setting: measured on three calls with both sides at once; for Opus, stereo music above 8 kHz, an assumption.
_STEREO = {"opus": 1.6, "mpeg": 1.85, "vorbis": 0.5}
_ALIKE = 1.1  # two channels of the same sound, up to 40 dB down
# Of inputs that arrive coded: scores of codecs with one bit rate (80 s of prompts through FFmpeg's G.722 and
# libsndfile's GSM), and how many bits a setting gives, on clips with 45 to 97 % of speech.
_RECEIVED = {
    "fixed": {"g722": 4.44, "gsm": 3.25},
    "opus": [890, 0.11, 0.79],
    "vorbis": [16_300, 18_800, 21_400, 23_900, 26_200, 28_600, 30_900, 32_900, 34_900, 37_000, 39_000],
}


def fit(examples: Sequence[Example]) -> dict[str, Any]:
    """Fit a model, as `Model.from_json` reads it.

    Args:
        examples: Opus, MP3 and Vorbis at every setting above, for speech and music, and G.711 for speech.
    """
    best = [example for example in examples if _effort(example.encoder) == BEST_EFFORT]
    grouped: dict[tuple[str, str], dict[float, list[Example]]] = defaultdict(lambda: defaultdict(list))
    for example in best:
        grouped[example.encoder.codec, example.kind][setting_of(example.encoder)].append(example)
    companded = grouped.pop(("pcmu", SPEECH))
    grouped.pop(("pcmu", NOISY), None)
    curves: dict[str, dict[str, Any]] = defaultdict(dict)
    for codec in sorted({codec for codec, _ in grouped}):
        speech = _curve(grouped[codec, SPEECH], _speech_weights)
        curves[codec] = {SPEECH: speech}
        for kind, weigh in ((NOISY, _noisy_weights), (MUSIC, _music_weights)):
            curves[codec][kind] = _curve(grouped[codec, kind], weigh, speech)
    for curve in curves["opus"].values():
        curve["costs"] = _costs(examples, curve["settings"])
    return {
        "features": [_as_json(feature) for feature in FEATURES],
        "curves": dict(curves),
        "bands": {
            codec: [{"upto": upto, "factor": factor} for upto, factor in bands] for codec, bands in _BANDS.items()
        },
        "stereo": _STEREO,
        "alike": _ALIKE,
        "g711": round(float(np.mean([example.score for group in companded.values() for example in group])), 2),
        "received": _RECEIVED,
    }


def setting_of(encoder: Encoder) -> float:
    """The setting that is the variable of a codec's curve."""
    match encoder:
        case OpusEncoder(bitrate=bitrate) | Mp3Encoder(bitrate=bitrate):
            return bitrate
        case VorbisEncoder(quality=quality):
            return quality
        case WavEncoder():
            return 0.0
        case _:
            raise ValueError(f"{encoder.codec} loses nothing")


def _effort(encoder: Encoder) -> int:
    return encoder.effort if isinstance(encoder, OpusEncoder) else BEST_EFFORT


def _as_json(feature: Feature) -> dict[str, Any]:
    return {name: getattr(feature, name) for name in ("name", "low", "high", "centre", "unit")}


def _curve(
    by_setting: Mapping[float, Sequence[Example]],
    weigh: Callable[[Sequence[Example], Sequence[float]], list[float]],
    speech: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Fit a curve; what a low level costs is taken from the curve for speech, which has most of the quiet examples."""
    weights = []
    for setting, examples in sorted(by_setting.items()):
        levels: list[float] = []
        if speech is not None:
            by_feature = np.array(speech["weights"])[:, 1 : 1 + _LEVELS].T
            levels = [round(float(np.interp(setting, speech["settings"], each)), _DIGITS) for each in by_feature]
        weights.append(weigh(examples, levels))
    return {"settings": sorted(by_setting), "weights": weights}


def _speech_weights(examples: Sequence[Example], _: Sequence[float]) -> list[float]:
    return _least_squares(_rows(examples), _scores(examples), _SIGNS)


def _noisy_weights(examples: Sequence[Example], levels: Sequence[float]) -> list[float]:
    rows, scores = _rows(examples), _scores(examples)
    others = np.delete(rows, range(1, 1 + _LEVELS), axis=1)
    first, *rest = _least_squares(others, scores - rows[:, 1 : 1 + _LEVELS] @ levels, _SIGNS[_LEVELS:])
    return [round(first - _NOISY_MARGIN, _DIGITS), *levels, *rest]


def _music_weights(examples: Sequence[Example], levels: Sequence[float]) -> list[float]:
    scores = _scores(examples) - _rows(examples)[:, 1 : 1 + _LEVELS] @ levels
    rest = [0.0] * (len(FEATURES) - _LEVELS)
    return [round(float(np.percentile(scores, _MUSIC_PERCENTILE)), _DIGITS), *levels, *rest]


def _rows(examples: Sequence[Example]) -> NDArray[np.float64]:
    """One and the features of each example."""
    return np.array([[1.0, *(feature.scaled(example.analysis) for feature in FEATURES)] for example in examples])


def _scores(examples: Sequence[Example]) -> NDArray[np.float64]:
    return np.array([example.score for example in examples])


def _least_squares(rows: NDArray[np.float64], scores: NDArray[np.float64], signs: Sequence[int]) -> list[float]:
    """Fit a constant and weights; those of the wrong sign are left out, as few examples give them by chance."""
    used = np.ones(rows.shape[1], bool)
    wanted = np.array([0, *signs])
    while True:
        penalty = np.diag(np.where(np.arange(np.count_nonzero(used)) > 0, _RIDGE, 0.0))
        weights = np.zeros(rows.shape[1])
        weights[used] = np.linalg.solve(rows[:, used].T @ rows[:, used] + penalty, rows[:, used].T @ scores)
        wrong = weights * wanted < 0
        if not wrong.any():
            return [round(float(weight), _DIGITS) for weight in weights]
        used &= ~wrong


def _costs(examples: Sequence[Example], settings: Sequence[float]) -> Mapping[str, list[float]]:
    """The average cost in quality of less effort, interpolated to all settings."""
    by_name: dict[tuple[str, str, float, int], float] = {
        (example.name, example.variant, setting_of(example.encoder), _effort(example.encoder)): example.score
        for example in examples
        if example.kind != MUSIC and isinstance(example.encoder, OpusEncoder)
    }
    costs: dict[str, list[float]] = {}
    for effort in EFFORTS:
        lost: dict[float, list[float]] = defaultdict(list)
        for (name, variant, setting, found), score in by_name.items():
            if found == effort:
                lost[setting].append(by_name[name, variant, setting, BEST_EFFORT] - score)
        known = sorted(lost)
        means = [max(0.0, float(np.mean(lost[setting]))) for setting in known]
        costs[str(effort)] = np.interp(settings, known, means).round(_DIGITS).tolist()
    return costs | {"8": [0.0] * len(settings)}
