"""Fits the quality model to examples."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from scripts.benchmarks.codecs.examples import Example
from streams.analysis.analysis import Analysis
from streams.codecs import Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.compression.quality import BEST_EFFORT, FEATURES, Feature

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

_UNITS = {"level_dbfs": 10.0, "activity": 0.25}
_ENOUGH = {"level_dbfs": -30.0, "activity": 0.75}  # from here on, louder is not better, nor are fewer pauses
_RIDGE = 2.0  # weight, in clips without influence
_MUSIC_PERCENTILE = 25.0  # PESQ does not judge music well: a margin
_DIGITS = 4

# PESQ-NB cannot tell these: they are the bands that Opus codes at each rate, rounded up.
_BANDS = {
    "opus": ((4000, 1.0), (6000, 1.25), (8000, 1.5), (12_000, 2.0), (24_000, 2.5)),
    "mpeg": ((4000, 1.0), (8000, 1.5), (12_000, 2.0), (24_000, 2.5)),
}
_STEREO = 1.6  # two sides of a call, which alternate
# Of inputs that arrive coded: scores of codecs with one bit rate (40 s of prompts through FFmpeg's G.722 and
# libsndfile's others), and how many bits a setting gives, on twelve clips with 45 to 97 % of speech.
_RECEIVED = {
    "fixed": {"adpcm": 3.33, "g722": 4.44, "gsm": 3.25},
    "opus": [0.13, 0.83],
    "vorbis": [16_300, 18_800, 21_400, 23_900, 26_200, 28_600, 30_900, 32_900, 34_900, 37_000, 39_000],
}
_APART = 13_500  # bit/s; below some 12,500, libopus leaks each side into the other


def fit(examples: Sequence[Example]) -> dict[str, Any]:
    """Fit a model, as `Model.from_json` reads it.

    Args:
        examples: Opus, MP3 and Vorbis at every setting above, for speech and music, and G.711 for speech.
    """
    features = _features(example.analysis for example in examples if example.kind == "speech")
    best = [example for example in examples if _effort(example.encoder) == BEST_EFFORT]
    grouped: dict[tuple[str, str], dict[float, list[Example]]] = defaultdict(lambda: defaultdict(list))
    for example in best:
        grouped[example.encoder.codec, example.kind][setting_of(example.encoder)].append(example)
    companded = grouped.pop(("pcmu", "speech"))
    curves: dict[str, dict[str, Any]] = defaultdict(dict)
    for (codec, kind), by_setting in sorted(grouped.items()):
        ordered = dict(sorted(by_setting.items()))
        weigh = _speech_weights if kind == "speech" else _music_weights
        curves[codec][kind] = {
            "settings": list(ordered),
            "weights": [weigh(found, features) for found in ordered.values()],
        }
        if codec == "opus":
            curves[codec][kind]["costs"] = _costs(examples, list(ordered))
    return {
        "features": [_as_json(feature) for feature in features],
        "curves": dict(curves),
        "bands": {
            codec: [{"upto": upto, "factor": factor} for upto, factor in bands] for codec, bands in _BANDS.items()
        },
        "stereo": _STEREO,
        "apart": _APART,
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


def _features(analyses: Iterable[Analysis]) -> list[Feature]:
    known = list(analyses)
    found = []
    for name in FEATURES:
        values = [min(getattr(analysis, name), _ENOUGH.get(name, math.inf)) for analysis in known]
        low, centre, high = np.percentile(values, (1, 50, 99)).round(_DIGITS).tolist()
        found.append(Feature(name, low, high, centre, _UNITS[name]))
    return found


def _as_json(feature: Feature) -> dict[str, Any]:
    return {name: getattr(feature, name) for name in ("name", "low", "high", "centre", "unit")}


def _speech_weights(examples: Sequence[Example], features: Sequence[Feature]) -> list[float]:
    rows = np.array([[1.0, *(feature.scaled(example.analysis) for feature in features)] for example in examples])
    scores = np.array([example.score for example in examples])
    penalty = np.diag([0.0] + [_RIDGE] * len(features))
    weights = np.linalg.solve(rows.T @ rows + penalty, rows.T @ scores)
    return [round(float(weight), _DIGITS) for weight in weights]


def _music_weights(examples: Sequence[Example], features: Sequence[Feature]) -> list[float]:
    scores = [example.score for example in examples]
    return [round(float(np.percentile(scores, _MUSIC_PERCENTILE)), _DIGITS)] + [0.0] * len(features)


def _costs(examples: Sequence[Example], settings: Sequence[float]) -> Mapping[str, list[float]]:
    """The average cost in quality of less effort, interpolated to all settings."""
    by_name: dict[tuple[str, str, float, int], float] = {
        (example.name, example.variant, setting_of(example.encoder), _effort(example.encoder)): example.score
        for example in examples
        if example.kind == "speech" and isinstance(example.encoder, OpusEncoder)
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
