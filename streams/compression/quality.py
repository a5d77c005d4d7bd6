"""Predicted quality: what PESQ would say of a clip after coding, without coding it.

The numbers are data (``quality.json``), fitted on real prompts by ``scripts/fit_quality``; docs/QUALITY_MODEL.md tells
how well they hold. Each bit rate (Vorbis: quality setting) of a codec has a linear function of what `analyse` heard;
between them, predictions are interpolated. They never fall with the bit rate. PESQ-NB knows neither music nor wide
band: there, bit rates are chosen with a reserve, and predictions are no measurements.

Source: ITU-T P.862 and P.862.1 (PESQ, narrow band).
"""

import json
import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import accumulate
from operator import mul
from typing import Any

from streams.analysis.analysis import Analysis
from streams.codecs import Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.codecs.base import LOSSLESS

FEATURES = ("level_dbfs", "activity")
"""Attributes of `Analysis` that a prediction depends on; the others tell nothing more, see docs/QUALITY_MODEL.md."""

BEST_EFFORT = 10

_FILE = "quality.json"
_BITRATE_STEP = 100  # bit/s
_WORST, _BEST = 1.0, 4.55  # of PESQ-NB's scale


@dataclass(frozen=True, slots=True)
class Feature:
    """How an attribute of `Analysis` becomes a number around 0.

    Attributes:
        name: One of `FEATURES`.
        low: What lower values count as.
        high: What higher values count as.
        centre: The value that becomes 0.
        unit: What becomes 1 above it.
    """

    name: str
    low: float
    high: float
    centre: float
    unit: float

    def scaled(self, analysis: Analysis) -> float:
        """The number."""
        value: float = getattr(analysis, self.name)
        return (min(max(value, self.low), self.high) - self.centre) / self.unit


@dataclass(frozen=True, slots=True)
class Curve:
    """Quality by bit rate (Vorbis: by quality setting) for one codec and kind of content.

    Attributes:
        settings: Bit rates in bit/s for mono narrow band, or Vorbis qualities; ascending.
        weights: For each setting, the constant and the weight of each feature.
        costs: By effort of the encoder, ascending: what this effort and those above it cost at each setting, in MOS.
    """

    settings: Sequence[float]
    weights: Sequence[Sequence[float]]
    costs: Sequence[tuple[int, Sequence[float]]] = ()

    def scores(self, features: Sequence[float], effort: int = BEST_EFFORT) -> list[float]:
        """Predictions for all settings; they never fall."""
        known = [costs for lowest, costs in self.costs if lowest <= effort]
        costs = known[-1] if known else [0.0] * len(self.settings)
        raw = (
            weights[0] + sum(map(mul, weights[1:], features)) - cost
            for weights, cost in zip(self.weights, costs, strict=True)
        )
        return list(accumulate(raw, max))

    def score(self, setting: float, scores: Sequence[float]) -> float:
        """The prediction for one setting, interpolated; constant beyond the ends."""
        right = bisect_left(self.settings, setting)
        if right == 0 or right == len(scores):
            return scores[min(right, len(scores) - 1)]
        low, high = self.settings[right - 1], self.settings[right]
        return scores[right - 1] + (setting - low) / (high - low) * (scores[right] - scores[right - 1])

    def setting_for(self, floor: float, scores: Sequence[float]) -> float:
        """The lowest setting whose prediction reaches a floor; the highest of all where none does."""
        right = bisect_left(scores, floor)
        if right == 0 or right == len(scores):
            return self.settings[min(right, len(scores) - 1)]
        share = (floor - scores[right - 1]) / (scores[right] - scores[right - 1])
        return self.settings[right - 1] + share * (self.settings[right] - self.settings[right - 1])


@dataclass(frozen=True, slots=True)
class Model:
    """All that is known about the codecs' quality.

    Attributes:
        features: In the order of the weights.
        curves: By ``opus``, ``vorbis`` or ``mpeg``, and ``speech`` or ``music``.
        bands: By codec, ascending: up to this frequency in Hz, so many times the bit rate of narrow band is needed.
        stereo: How many times the bit rate of mono is needed.
        apart: Bit/s of narrow band from which Opus keeps the sides of a call apart, whatever the quality.
        g711: The score of G.711.
    """

    features: Sequence[Feature]
    curves: Mapping[tuple[str, str], Curve]
    bands: Mapping[str, Sequence[tuple[int, float]]]
    stereo: float
    apart: float
    g711: float

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Model":
        """Read what is in ``quality.json``."""
        curves = {
            (codec, kind): Curve(
                curve["settings"],
                curve["weights"],
                sorted((int(effort), costs) for effort, costs in curve.get("costs", {}).items()),
            )
            for codec, kinds in data["curves"].items()
            for kind, curve in kinds.items()
        }
        bands = {codec: [(band["upto"], band["factor"]) for band in found] for codec, found in data["bands"].items()}
        features = [Feature(**feature) for feature in data["features"]]
        return cls(features, curves, bands, data["stereo"], data["apart"], data["g711"])

    def forecast(self, rate: int, channels: int, analysis: Analysis) -> "Forecast":
        """See the function `forecast`."""
        return Forecast(self, rate, channels, analysis)

    def share(self, codec: str, highest: int, channels: int) -> float:
        """How many times the bit rate of mono narrow band is needed, up to this frequency in Hz."""
        bands = self.bands[codec]
        factor = next((factor for upto, factor in bands if highest <= upto), bands[-1][1])
        return factor * (self.stereo if channels > 1 else 1.0)


class Forecast:
    """What the codecs would make of one clip.

    Args:
        model: What is known about them.
        rate: Sampling rate of the clip in Hz.
        channels: Number of channels of the clip.
        analysis: What was heard in it.
    """

    def __init__(self, model: Model, rate: int, channels: int, analysis: Analysis) -> None:
        self.analysis = analysis
        self._model = model
        self._rate = rate
        self._channels = channels
        self._content = "speech" if analysis.kind in {"speech", "silence"} else "music"
        self._features = [feature.scaled(analysis) for feature in model.features]
        self._curves: dict[tuple[str, int], tuple[Curve, list[float]]] = {}

    def quality(self, encoder: Encoder) -> float:
        """Predict the mean opinion score of the clip after coding.

        Args:
            encoder: What it is to be coded with.

        Returns:
            1 to 4.55, PESQ-NB's scale; 5.0 where nothing is lost.
        """
        effort = BEST_EFFORT
        match encoder:
            case OpusEncoder(bitrate=bitrate, effort=effort, bandwidth=bandwidth):
                setting = bitrate / self._model.share("opus", min(bandwidth, self._rate // 2), self._channels)
            case Mp3Encoder(bitrate=bitrate):
                setting = bitrate / self._model.share("mpeg", self._rate // 2, self._channels)
            case VorbisEncoder(quality=quality):
                setting = quality
            case WavEncoder(codec="pcmu" | "pcma" as law) if self.analysis.g711 != law:
                return self._model.g711
            case _:
                return LOSSLESS
        curve, scores = self._curve(encoder.codec, effort)
        return round(min(max(curve.score(setting, scores), _WORST), _BEST), 2)

    def bitrate_for(self, floor: float, effort: int = BEST_EFFORT) -> int:
        """Find the lowest Opus bit rate whose prediction reaches a floor.

        Give `OpusEncoder` the clip's bandwidth, too: what is not there needs no bits.

        Args:
            floor: Mean opinion score to reach.
            effort: Of the encoder, 0 to 10.

        Returns:
            Bit/s, all channels together; the highest that the model knows where no bit rate reaches the floor.
        """
        curve, scores = self._curve("opus", effort)
        highest = min(self.analysis.bandwidth, self._rate // 2)
        needed = curve.setting_for(floor, scores) * self._model.share("opus", highest, self._channels)
        if self._channels > 1:
            needed = max(needed, self._model.apart * self._model.share("opus", highest, 1))
        return math.ceil(needed / _BITRATE_STEP) * _BITRATE_STEP

    def _curve(self, codec: str, effort: int) -> tuple[Curve, list[float]]:
        """A codec's curve, and the predictions for its settings: worked out once."""
        known = self._curves.get((codec, effort))
        if known is None:
            curve = self._model.curves[codec, self._content]
            known = self._curves[codec, effort] = curve, curve.scores(self._features, effort)
        return known


def forecast(rate: int, channels: int, analysis: Analysis) -> Forecast:
    """Foresee what the codecs would make of a clip.

    Args:
        rate: Sampling rate of the clip in Hz.
        channels: Number of channels of the clip.
        analysis: What was heard in it.
    """
    return shipped().forecast(rate, channels, analysis)


@cache
def shipped() -> Model:
    """The model that comes with this package."""
    return Model.from_json(json.loads((files(__package__) / _FILE).read_text(encoding="utf-8")))
