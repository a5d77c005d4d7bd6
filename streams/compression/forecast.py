"""Predicts the quality of a clip after coding, without coding it, from its audio analysis and the quality model.

A clip with two channels of different sound is as good as the worse of the two that are not silent.
"""

import math
from collections.abc import Sequence

import numpy as np

from streams.analysis.analysis import Analysis
from streams.audio.clip import SourceFormat
from streams.codecs import DualMonoOpusEncoder, Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.codecs.base import LOSSLESS
from streams.compression.quality import BEST, BEST_EFFORT, MUSIC, WORST, Curve, Model, content_of, shipped

_BITRATE_STEP = 100  # bit/s
_MPEG_2_5_RATE, _MPEG_2_5_BITRATE = 12_000, 64_000  # MP3 has no higher bit rates up to this sampling rate


class Forecast:
    """Predicted quality of one clip by encoder.

    Args:
        model: The quality model.
        rate: Sampling rate of the clip in Hz.
        channels: Number of channels of the clip.
        analysis: The clip's audio analysis.

    Attributes:
        analysis: As given.
        content: See `content_of`.
        sides: The same for each of two channels of different sound, as a mono clip; empty for others.
    """

    def __init__(self, model: Model, rate: int, channels: int, analysis: Analysis) -> None:
        self.analysis = analysis
        self.content = content_of(analysis)
        self.sides = tuple(Forecast(model, rate, 1, side) for side in analysis.sides)
        self._model = model
        self._rate = rate
        self._channels = channels
        self._curves: dict[tuple[str, str, int, int], tuple[Curve, list[float]]] = {}

    @property
    def heard(self) -> "Sequence[Forecast]":
        """The sides that are not silent; the clip itself if it has no sides, or silent ones."""
        return [side for side in self.sides if not side.is_silent] or [self]

    @property
    def is_silent(self) -> bool:
        """Whether there is nothing to be heard."""
        return self.analysis.kind == "silence"

    def quality(self, encoder: Encoder) -> float:
        """Predict the mean opinion score of the clip after coding: of the worse side that is not silent.

        Args:
            encoder: The encoder with its parameters.

        Returns:
            1 to 4.55, PESQ-NB's scale; 5.0 if lossless.
        """
        match encoder:
            case OpusEncoder():
                return self._opus(encoder)
            case DualMonoOpusEncoder(left=left, right=right):
                sides = self.sides or (Forecast(self._model, self._rate, 1, self.analysis),) * 2
                scores = [(side.is_silent, side.quality(mono)) for side, mono in zip(sides, (left, right), strict=True)]
                return min(scores)[1]
            case Mp3Encoder(bitrate=bitrate):
                possible = min(bitrate, _MPEG_2_5_BITRATE if self._rate <= _MPEG_2_5_RATE else bitrate)
                setting = possible / self._share("mpeg", self._rate // 2)
                return min(side.score("mpeg", setting) for side in self.heard)
            case VorbisEncoder(quality=quality):
                setting = quality - (self._model.stereo["vorbis"] if self.sides else 0.0)
                return min(side.score("vorbis", setting) for side in self.heard)
            case WavEncoder(codec="pcmu" | "pcma" as law) if self.analysis.g711 != law:
                return self._model.g711
            case _:
                return LOSSLESS

    def score(self, codec: str, setting: float, gain_db: int = 0) -> float:
        """Predict the score at a setting of a codec's curve, of the worse of speech and the music within it."""
        contents = {self.content, MUSIC} if self.analysis.music else {self.content}
        return min(self._score(codec, content, setting, gain_db=gain_db) for content in contents)

    def received(self, source: SourceFormat, bitrate: float) -> float:
        """Predict the mean opinion score with which the clip arrived.

        Args:
            source: Its format, whose encoding is lossy.
            bitrate: Mean bit rate of its file in bit/s.
        """
        model, encoding = self._model, source.encoding
        known = model.fixed.get(encoding)
        if known is not None:
            return known
        if encoding == "opus":
            fixed, silent, sounding = model.opus_bits
            sides = self.sides or [self]
            bits = sum(silent + sounding * side.analysis.activity for side in sides)
            setting = max(bitrate - fixed * len(sides), 0.0) / bits / model.band("opus", self._highest)
        else:
            setting = bitrate / self._share("mpeg", self._rate // 2)
        if encoding == "vorbis":
            settings = [tenth / 10 for tenth in range(len(model.vorbis_bitrates))]
            setting = float(np.interp(setting, model.vorbis_bitrates, settings))
        return min(side.score(encoding, setting, source.gain_db) for side in self.heard)

    def bitrate_for(self, floor: float, effort: int = BEST_EFFORT, *, content: str = "", gain_db: int = 0) -> int:
        """Find the lowest Opus bit rate whose prediction reaches a floor.

        It assumes that `OpusEncoder` gets the clip's bandwidth, too, so that empty bands take no bits.

        Args:
            floor: Mean opinion score to reach.
            effort: Complexity of the encoder, 0 to 10.
            content: The content to be coded; the clip's own if empty.
            gain_db: Amplification before coding.

        Returns:
            Bit/s, all channels together; the model's highest bit rate if none reaches the floor.
        """
        curve, scores = self._curve("opus", content or self.content, effort, gain_db)
        needed = curve.setting_for(floor, scores) * self._share("opus", self._highest)
        return math.ceil(needed / _BITRATE_STEP) * _BITRATE_STEP

    @property
    def _highest(self) -> int:
        """Highest frequency of the clip in Hz."""
        return min(self.analysis.bandwidth, self._rate // 2)

    def _opus(self, encoder: OpusEncoder) -> float:
        share = self._share("opus", min(encoder.bandwidth, self._rate // 2))
        parts = [(self.content, encoder.bitrate)]
        parts += [(MUSIC, section.bitrate) for section in encoder.sections]
        if self.analysis.music and not encoder.sections:
            parts.append((MUSIC, encoder.bitrate))
        return min(
            self._score("opus", content, bitrate / share, encoder.effort, encoder.gain_db) for content, bitrate in parts
        )

    def _share(self, codec: str, highest: int) -> float:
        """Factor by which the clip, up to this frequency (Hz), needs more bits than mono narrow band."""
        factor = self._model.band(codec, highest)
        if self._channels > 1:
            factor *= self._model.stereo[codec] if self.sides else self._model.alike
        return factor

    def _score(self, codec: str, content: str, setting: float, effort: int = BEST_EFFORT, gain_db: int = 0) -> float:
        curve, scores = self._curve(codec, content, effort, gain_db)
        return round(min(max(curve.score(setting, scores), WORST), BEST), 2)

    def _curve(self, codec: str, content: str, effort: int, gain_db: int) -> tuple[Curve, list[float]]:
        """A codec's curve and the predictions for its settings, computed once."""
        key = codec, content, effort, gain_db
        known = self._curves.get(key)
        if known is None:
            curve = self._model.curves[codec, content]
            features = [feature.scaled(self.analysis, gain_db) for feature in self._model.features]
            known = self._curves[key] = curve, curve.scores(features, effort)
        return known


def forecast(rate: int, channels: int, analysis: Analysis) -> Forecast:
    """Predict the quality of a clip after coding, with the quality model of this package.

    Args:
        rate: Sampling rate of the clip in Hz.
        channels: Number of channels of the clip.
        analysis: The clip's audio analysis.
    """
    return Forecast(shipped(), rate, channels, analysis)
