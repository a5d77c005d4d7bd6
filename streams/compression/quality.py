"""The quality model: scores of a clip after coding (PESQ), by codec, content and bit rate.

The numbers are data (``quality.json``), fitted on real prompts by ``scripts/fit_quality``; docs/QUALITY_MODEL.md has
their accuracy. For each bit rate (Vorbis: quality setting) of a codec, the prediction is a linear function of features
of the audio analysis; between bit rates, predictions are interpolated. They never fall with the bit rate. PESQ-NB does
not apply to music and wide band: there, bit rates have a reserve, and predictions are not based on measurements.

Source: ITU-T P.862 and P.862.1 (PESQ, narrow band).
"""

import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from operator import mul
from typing import Any

from streams.analysis.analysis import Analysis

SPEECH, NOISY, MUSIC = "speech", "noisy", "music"

_NOISY_DB = -38.0  # of the background relative to the sound
_RESTORED = 0.8  # of the level by an amplification before coding: the samples stay as coarse as they came
BEST_EFFORT = 10

_FILE = "quality.json"
WORST, BEST = 1.0, 4.55  # of PESQ-NB's scale


def content_of(analysis: Analysis) -> str:
    """The content that decides the curve: ``speech``, ``noisy`` (speech before a background) or ``music`` (and tones).

    In noisy speech, the pauses are heard as well: it is coded with the same bit rate throughout.
    """
    if analysis.kind not in {"speech", "silence"}:
        return MUSIC
    return NOISY if analysis.background_db > _NOISY_DB else SPEECH


@dataclass(frozen=True, slots=True)
class Feature:
    """How an attribute of `Analysis` is limited and scaled to a number around 0.

    Attributes:
        name: Of the attribute, which may be that of several features with different limits.
        low: Lower limit; lower values are raised to it.
        high: Upper limit; higher values are reduced to it.
        centre: The value that is scaled to 0.
        unit: The difference from the centre that is scaled to 1.
    """

    name: str
    low: float
    high: float
    centre: float
    unit: float

    def scaled(self, analysis: Analysis, gain_db: int = 0) -> float:
        """The scaled value, after an amplification of the clip."""
        value: float = getattr(analysis, self.name)
        if self.name == "level_dbfs":
            value += gain_db * _RESTORED
        return (min(max(value, self.low), self.high) - self.centre) / self.unit


@dataclass(frozen=True, slots=True)
class Curve:
    """Quality by bit rate (Vorbis: by quality setting) for one codec and kind of content.

    Attributes:
        settings: Bit rates in bit/s for mono narrow band, or Vorbis qualities; ascending.
        weights: For each setting, the constant and the weight of each feature.
        costs: By encoder effort, ascending: the loss in MOS at each setting, for this effort and up to the next one.
    """

    settings: Sequence[float]
    weights: Sequence[Sequence[float]]
    costs: Sequence[tuple[int, Sequence[float]]] = ()

    def scores(self, features: Sequence[float], effort: int = BEST_EFFORT) -> list[float]:
        """Predict the scores of all settings; they never fall."""
        known = [costs for lowest, costs in self.costs if lowest <= effort]
        costs = known[-1] if known else [0.0] * len(self.settings)
        raw = (
            weights[0] + sum(map(mul, weights[1:], features)) - cost
            for weights, cost in zip(self.weights, costs, strict=True)
        )
        return list(accumulate(raw, max))

    def score(self, setting: float, scores: Sequence[float]) -> float:
        """Interpolate the prediction for one setting; constant beyond the ends."""
        right = bisect_left(self.settings, setting)
        if right == 0 or right == len(scores):
            return scores[min(right, len(scores) - 1)]
        low, high = self.settings[right - 1], self.settings[right]
        return scores[right - 1] + (setting - low) / (high - low) * (scores[right] - scores[right - 1])

    def setting_for(self, floor: float, scores: Sequence[float]) -> float:
        """The lowest setting whose prediction reaches a floor; the highest setting if none does."""
        right = bisect_left(scores, floor)
        if right == 0 or right == len(scores):
            return self.settings[min(right, len(scores) - 1)]
        share = (floor - scores[right - 1]) / (scores[right] - scores[right - 1])
        return self.settings[right - 1] + share * (self.settings[right] - self.settings[right - 1])


@dataclass(frozen=True, slots=True)
class Model:
    """The quality model of all codecs.

    Attributes:
        features: The features, in the order of the weights.
        curves: Curves by codec (``opus``, ``vorbis`` or ``mpeg``) and content (see `content_of`).
        bands: By codec, ascending: highest frequency in Hz, and the factor by which it needs more bits than narrow
            band.
        stereo: What two channels of different sound in one stream need more than mono: for Opus and MP3 the factor of
            the bit rate, for Vorbis what is added to the quality setting.
        alike: The factor for two channels of the same sound.
        g711: The score of G.711.
        fixed: Scores of codecs that have one bit rate, by encoding.
        opus_bits: Bits of a mono Opus file: in each second; for each bit of its setting; and for each of them in sound.
        vorbis_bitrates: Bit rate of a Vorbis file, mono narrow band, by quality setting in tenths.
    """

    features: Sequence[Feature]
    curves: Mapping[tuple[str, str], Curve]
    bands: Mapping[str, Sequence[tuple[int, float]]]
    stereo: Mapping[str, float]
    alike: float
    g711: float
    fixed: Mapping[str, float]
    opus_bits: Sequence[float]
    vorbis_bitrates: Sequence[float]

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Model":
        """Build the model from the content of ``quality.json``."""
        curves = {
            (codec, kind): Curve(
                curve["settings"],
                curve["weights"],
                sorted((int(effort), costs) for effort, costs in curve.get("costs", {}).items()),
            )
            for codec, kinds in data["curves"].items()
            for kind, curve in kinds.items()
        }
        bands = {codec: [(band["upto"], band["factor"]) for band in each] for codec, each in data["bands"].items()}
        features = [Feature(**feature) for feature in data["features"]]
        received = data["received"]
        numbers = data["stereo"], data["alike"], data["g711"]
        return cls(features, curves, bands, *numbers, received["fixed"], received["opus"], received["vorbis"])

    def band(self, codec: str, highest: int) -> float:
        """Factor by which audio up to this frequency (Hz) needs more bits than narrow band."""
        bands = self.bands[codec]
        return next((factor for upto, factor in bands if highest <= upto), bands[-1][1])


@cache
def shipped() -> Model:
    """The quality model in this package."""
    return Model.from_json(json.loads((files(__package__) / _FILE).read_text(encoding="utf-8")))
