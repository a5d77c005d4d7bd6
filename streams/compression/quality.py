"""Predicts the quality of a clip after coding (its PESQ score) without coding it.

The numbers are data (``quality.json``), fitted on real prompts by ``scripts/fit_quality``; docs/QUALITY_MODEL.md has
their accuracy. For each bit rate (Vorbis: quality setting) of a codec, the prediction is a linear function of features
of the audio analysis; between bit rates, predictions are interpolated. They never fall with the bit rate. PESQ-NB does
not apply to music and wide band: there, bit rates have a reserve, and predictions are not based on measurements.

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

import numpy as np

from streams.analysis.analysis import Analysis
from streams.codecs import DualMonoOpusEncoder, Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.codecs.base import LOSSLESS

FEATURES = ("level_dbfs", "activity")
"""Attributes of `Analysis` that predictions use; the others do not improve them, see docs/QUALITY_MODEL.md."""

BEST_EFFORT = 10

_FILE = "quality.json"
_BITRATE_STEP = 100  # bit/s
WORST, BEST = 1.0, 4.55  # of PESQ-NB's scale


@dataclass(frozen=True, slots=True)
class Feature:
    """How an attribute of `Analysis` is limited and scaled to a number around 0.

    Attributes:
        name: One of `FEATURES`.
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

    def scaled(self, analysis: Analysis) -> float:
        """The scaled value."""
        value: float = getattr(analysis, self.name)
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
        curves: Curves by codec (``opus``, ``vorbis`` or ``mpeg``) and content (``speech`` or ``music``).
        bands: By codec, ascending: highest frequency in Hz, and the factor by which it needs more bits than narrow
            band.
        stereo: Factor by which stereo needs more bits than mono.
        apart: Bit/s of narrow band from which Opus separates the channels of a call, whatever the quality.
        g711: The score of G.711.
        fixed: Scores of codecs that have one bit rate, by encoding.
        opus_bits: Bits of an Opus file per bit of its setting: in silence, and what sound adds.
        vorbis_bitrates: Bit rate of a Vorbis file, mono narrow band, by quality setting in tenths.
    """

    features: Sequence[Feature]
    curves: Mapping[tuple[str, str], Curve]
    bands: Mapping[str, Sequence[tuple[int, float]]]
    stereo: float
    apart: float
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
        numbers = data["stereo"], data["apart"], data["g711"]
        return cls(features, curves, bands, *numbers, received["fixed"], received["opus"], received["vorbis"])

    def forecast(self, rate: int, channels: int, analysis: Analysis) -> "Forecast":
        """See the function `forecast`."""
        return Forecast(self, rate, channels, analysis)

    def share(self, codec: str, highest: int, channels: int) -> float:
        """Factor by which audio up to this frequency (Hz) needs more bits than mono narrow band."""
        bands = self.bands[codec]
        factor = next((factor for upto, factor in bands if highest <= upto), bands[-1][1])
        return factor * (self.stereo if channels > 1 else 1.0)


class Forecast:
    """Predicted quality of one clip by encoder.

    Args:
        model: The quality model.
        rate: Sampling rate of the clip in Hz.
        channels: Number of channels of the clip.
        analysis: The clip's audio analysis.
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
            encoder: The encoder with its parameters.

        Returns:
            1 to 4.55, PESQ-NB's scale; 5.0 if lossless.
        """
        effort = BEST_EFFORT
        match encoder:
            case OpusEncoder(bitrate=bitrate, effort=effort, bandwidth=bandwidth):
                setting = bitrate / self._model.share("opus", min(bandwidth, self._rate // 2), self._channels)
            case DualMonoOpusEncoder(left=left, right=right):
                side = Forecast(self._model, self._rate, 1, self.analysis)
                return min(side.quality(left), side.quality(right))
            case Mp3Encoder(bitrate=bitrate):
                setting = bitrate / self._model.share("mpeg", self._rate // 2, self._channels)
            case VorbisEncoder(quality=quality):
                setting = quality
            case WavEncoder(codec="pcmu" | "pcma" as law) if self.analysis.g711 != law:
                return self._model.g711
            case _:
                return LOSSLESS
        curve, scores = self._curve(encoder.codec, effort)
        return round(min(max(curve.score(setting, scores), WORST), BEST), 2)

    def received(self, encoding: str, bitrate: float) -> float:
        """Predict the mean opinion score with which the clip arrived.

        Args:
            encoding: Its lossy encoding, as in `SourceFormat`.
            bitrate: Mean bit rate of its file in bit/s.
        """
        model = self._model
        known = model.fixed.get(encoding)
        if known is not None:
            return known
        band = min(self.analysis.bandwidth, self._rate // 2) if encoding == "opus" else self._rate // 2
        setting = bitrate / model.share("opus" if encoding == "opus" else "mpeg", band, self._channels)
        if encoding == "opus":
            silent, sounding = model.opus_bits
            setting /= silent + sounding * self.analysis.activity
        if encoding == "vorbis":
            settings = [tenth / 10 for tenth in range(len(model.vorbis_bitrates))]
            setting = float(np.interp(setting, model.vorbis_bitrates, settings))
        curve, scores = self._curve(encoding, BEST_EFFORT)
        return round(min(max(curve.score(setting, scores), WORST), BEST), 2)

    def bitrate_for(self, floor: float, effort: int = BEST_EFFORT) -> int:
        """Find the lowest Opus bit rate whose prediction reaches a floor.

        It assumes that `OpusEncoder` gets the clip's bandwidth, too, so that empty bands take no bits.

        Args:
            floor: Mean opinion score to reach.
            effort: Complexity of the encoder, 0 to 10.

        Returns:
            Bit/s, all channels together; the model's highest bit rate if none reaches the floor.
        """
        curve, scores = self._curve("opus", effort)
        highest = min(self.analysis.bandwidth, self._rate // 2)
        needed = curve.setting_for(floor, scores) * self._model.share("opus", highest, self._channels)
        if self._channels > 1:
            needed = max(needed, self._model.apart * self._model.share("opus", highest, 1))
        return math.ceil(needed / _BITRATE_STEP) * _BITRATE_STEP

    def _curve(self, codec: str, effort: int) -> tuple[Curve, list[float]]:
        """A codec's curve and the predictions for its settings, computed once."""
        known = self._curves.get((codec, effort))
        if known is None:
            curve = self._model.curves[codec, self._content]
            known = self._curves[codec, effort] = curve, curve.scores(self._features, effort)
        return known


def forecast(rate: int, channels: int, analysis: Analysis) -> Forecast:
    """Predict the quality of a clip after coding.

    Args:
        rate: Sampling rate of the clip in Hz.
        channels: Number of channels of the clip.
        analysis: The clip's audio analysis.
    """
    return shipped().forecast(rate, channels, analysis)


@cache
def shipped() -> Model:
    """The quality model in this package."""
    return Model.from_json(json.loads((files(__package__) / _FILE).read_text(encoding="utf-8")))
