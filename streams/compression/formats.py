"""Selects the encoder and parameters that reach a quality in a given format."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.policy import FLAC, MPEG, OGG, OPUS, VORBIS, WAV, Policy
from streams.analysis.analysis import Analysis
from streams.audio.clip import ClipOrMetadata
from streams.audio.g711 import Law
from streams.codecs import (
    DualMonoOpusEncoder,
    Encoder,
    FlacEncoder,
    Mp3Encoder,
    OpusEncoder,
    VorbisEncoder,
    WavEncoder,
)
from streams.codecs.base import LOSSLESS
from streams.codecs.opus import Section
from streams.compression.forecast import Forecast
from streams.compression.quality import MUSIC, SPEECH

_LOSSY_ORDER = (OPUS, VORBIS, MPEG, FLAC, WAV)

_FAST = FlacEncoder(effort=5)
_SMALL = FlacEncoder(effort=8)
_OPUS_EFFORT = (10, 5, 3, 0)  # libopus's complexity by effort step: 150, 260, 360 and 640 times real time
_MP3_BITRATES = (16_000, 24_000, 32_000, 40_000, 48_000, 56_000, 64_000, 80_000, 96_000, 128_000, 160_000)
_VORBIS_QUALITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)

#: Bit/s per channel at which every DTMF digit can be detected after Opus: at 10,000, digits of 45 ms could be detected
#: at every effort, also quiet ones and ones over speech; the rest is margin. MP3 and Vorbis preserve them at every
#: setting.
_TONE_BITRATE = 12_000
_SECTION_BITRATE = 14_000  # narrow band: with less, ringing before speech is worse than music
_LOWEST_OPUS = 6_000
_JOINT_HZ = 8_000  # above, Opus codes stereo music by transform and gains from what its channels have in common
_LOUD_DBFS = -26.0  # level to which quiet clips are amplified: telephony's usual one
_QUIETER_DB = 4.0  # than that: from here on, libopus codes worse
_HEADROOM_DB = 1.0  # above the amplified peak

_FLAC_SHARE = 0.65  # size of telephone speech relative to its linear samples
_VORBIS_SHARES = (0.16, 0.40)  # as above, at the lowest and the highest quality


@dataclass(frozen=True, slots=True)
class QualityTarget:
    """Requirements for a lossy result.

    Attributes:
        floor: Lowest allowed predicted mean opinion score.
        promised: The level's own floor, which a policy may have raised.
        effort_steps: 0 (full effort) to 3 (least effort).
        dtx: Whether silence may be omitted.
    """

    floor: float
    promised: float
    effort_steps: int
    dtx: bool


class Candidate(NamedTuple):
    """An encoder that may be used for a clip, and its predicted quality.

    Attributes:
        encoder: The encoder with its parameters.
        quality: Predicted mean opinion score of the result; 5.0 if lossless.
        limited: Whether it, or a type that the policy prefers, cannot reach the floor.
    """

    encoder: Encoder
    quality: float
    limited: bool = False


def lossless(
    clip: ClipOrMetadata, detected: Law | None, policy: Policy, level: int, effort_steps: int
) -> tuple[Encoder, ...]:
    """Return lossless encoders for level 1 or 2.

    The first lossless type that the policy accepts is used; if it accepts none, FLAC or WAV. G.711 stays G.711, in a
    WAV file, unless the policy prefers FLAC. At level 2, both are tried and the smaller file is used, which is FLAC in
    silence.

    Args:
        clip: The decoded audio, or its metadata.
        detected: The G.711 law that can represent all samples, or None.
        policy: The hotel's policy.
        level: 1 or 2.
        effort_steps: 0 (full effort) or more.
    """
    flac = _SMALL if level > 1 and not effort_steps else _FAST
    law = _law(clip, detected)
    wave = WavEncoder(law or "pcm")
    order = (WAV, FLAC) if law else (FLAC, WAV)
    accepted = [name for name in policy.accept if name in order] or order
    if level > 1 and law and len(accepted) > 1:
        return (wave, flac)
    return (wave,) if accepted[0] == WAV else (flac,)


def lossy(clip: ClipOrMetadata, forecast: Forecast, policy: Policy, target: QualityTarget) -> Iterator[Candidate]:
    """Yield a candidate for each type that the policy accepts, the preferred type first; at least one.

    FLAC and WAV are candidates as well: a level guarantees a minimum quality, which lossless formats reach. Without a
    hotel's preference, what Opus cannot reach is left to them.
    """
    names = _expanded(policy.accept)
    below: list[Candidate] = []
    for name in names or _LOSSY_ORDER:
        candidate = _LOSSY[name](clip, forecast, target)
        limited = candidate.quality < target.floor or bool(below)
        reaches = candidate.quality >= target.promised and (not below or candidate.quality == LOSSLESS)
        if names or reaches or forecast.is_silent:
            yield candidate._replace(limited=limited)
        else:
            below.append(candidate)
    yield from below


def keeps_tones(analysis: Analysis) -> bool:
    """Whether the clip has signalling tones, which must stay detectable."""
    return analysis.has_dtmf or analysis.kind == "tones"


def bytes_per_minute(encoder: Encoder, clip: ClipOrMetadata) -> float:
    """Estimate the size of a minute of audio in bytes, without the file's header."""
    samples = 60.0 * clip.rate * clip.channels
    match encoder:
        case DualMonoOpusEncoder(left=left, right=right):
            return (_mean_bitrate(left, clip) + _mean_bitrate(right, clip)) * 60 / 8
        case OpusEncoder():
            return _mean_bitrate(encoder, clip) * 60 / 8
        case Mp3Encoder():
            return encoder.bitrate * 60 / 8
        case VorbisEncoder():
            low, high = _VORBIS_SHARES
            return 2 * samples * (low + (high - low) * encoder.quality)
        case FlacEncoder():
            return 2 * samples * _FLAC_SHARE
        case _:
            return samples * (2 if encoder.codec == "pcm" else 1)


def _mean_bitrate(encoder: OpusEncoder, clip: ClipOrMetadata) -> float:
    """Bit/s of a clip with its sections, without what pauses save."""
    more = sum((part.bitrate - encoder.bitrate) * (part.end_ms - part.start_ms) for part in encoder.sections)
    return encoder.bitrate + more / max(clip.duration_ms, 1)


def _expanded(accept: Sequence[str]) -> list[str]:
    names = [name for accepted in accept for name in ((OPUS, VORBIS) if accepted == OGG else (accepted,))]
    return list(dict.fromkeys(names))


def _law(clip: ClipOrMetadata, detected: Law | None) -> Law | None:
    """The G.711 law of the clip: of its source, or else the one detected in its samples."""
    return next((law for law in _LAWS if clip.source.encoding == law), detected)


def _opus(clip: ClipOrMetadata, forecast: Forecast, target: QualityTarget) -> Candidate:
    """Opus, each side of a call as a mono stream of its own, with what it needs.

    Channels of the same sound, and stereo music above 8 kHz, are coded together.
    """
    gain_db = gain_of(forecast)
    if not forecast.sides or (forecast.content == MUSIC and forecast.analysis.bandwidth > _JOINT_HZ):
        encoder: Encoder = _one_stream(forecast, target, gain_db, clip.channels)
    else:
        left, right = (_one_stream(side, target, gain_db, 1) for side in forecast.sides)
        encoder = DualMonoOpusEncoder(left, right)
    return Candidate(encoder, forecast.quality(encoder))


def _one_stream(forecast: Forecast, target: QualityTarget, gain_db: int, channels: int) -> OpusEncoder:
    """Opus at the lowest bit rate that reaches the floor; music within speech has a bit rate of its own.

    Less effort needs a higher bit rate. If the floor cannot be reached with the requested effort, more effort is used.
    """
    analysis = forecast.analysis
    bandwidth = analysis.bandwidth
    if forecast.is_silent:
        return OpusEncoder(_LOWEST_OPUS * channels, effort=0, dtx=True, bandwidth=bandwidth, gain_db=gain_db)
    tones = keeps_tones(analysis)
    shaped = forecast.content == SPEECH and not tones
    ladder = []
    for effort in reversed(_OPUS_EFFORT[: target.effort_steps + 1]):
        bitrate = forecast.bitrate_for(target.floor, effort, gain_db=gain_db)
        if tones:
            bitrate = max(bitrate, _TONE_BITRATE * channels)
        encoder = OpusEncoder(
            bitrate,
            effort,
            dtx=target.dtx and not tones and not analysis.music,  # steady tones would be taken for silence
            bandwidth=bandwidth,
            shaped=shaped,
            gain_db=gain_db,
            sections=_music_sections(forecast, target, effort, gain_db),
        )
        if forecast.quality(encoder) >= target.floor:
            return encoder
        ladder.append(encoder)
    return ladder[0]


def _music_sections(forecast: Forecast, target: QualityTarget, effort: int, gain_db: int) -> tuple[Section, ...]:
    """The parts with music or steady tones within speech, with the bit rate that they need."""
    if not forecast.analysis.music:
        return ()
    bitrate = max(forecast.bitrate_for(target.floor, effort, content=MUSIC, gain_db=gain_db), _SECTION_BITRATE)
    return tuple(Section(start, end, bitrate) for start, end in forecast.analysis.music)


def gain_of(forecast: Forecast) -> int:
    """By how many decibels a quiet clip is amplified before coding: one number for both sides of a call."""
    if all(side.is_silent for side in forecast.heard):
        return 0
    wanted = max(_LOUD_DBFS - side.analysis.level_dbfs for side in forecast.heard)
    gain = math.floor(min(wanted, -forecast.analysis.peak_dbfs - _HEADROOM_DB))
    return gain if wanted > _QUIETER_DB and gain > 0 else 0


def _vorbis(clip: ClipOrMetadata, forecast: Forecast, target: QualityTarget) -> Candidate:  # noqa: ARG001  one signature for all
    return _first([VorbisEncoder(quality) for quality in _VORBIS_QUALITIES], forecast.quality, target)


def _mp3(clip: ClipOrMetadata, forecast: Forecast, target: QualityTarget) -> Candidate:  # noqa: ARG001  as above
    return _first([Mp3Encoder(bitrate) for bitrate in _MP3_BITRATES], forecast.quality, target)


def _flac(clip: ClipOrMetadata, forecast: Forecast, target: QualityTarget) -> Candidate:  # noqa: ARG001  as above
    return Candidate(_FAST if target.effort_steps else _SMALL, LOSSLESS)


def _wav(clip: ClipOrMetadata, forecast: Forecast, target: QualityTarget) -> Candidate:
    """G.711 if it reaches the floor, otherwise linear samples."""
    law = _law(clip, forecast.analysis.g711)

    def quality(encoder: Encoder) -> float:
        return LOSSLESS if encoder.codec == law else forecast.quality(encoder)  # both laws can represent silence

    return _first((WavEncoder(law or "pcmu"), WavEncoder("pcm")), quality, target)


def _first(ladder: Sequence[Encoder], quality: Callable[[Encoder], float], target: QualityTarget) -> Candidate:
    """The first encoder of a ladder, smallest files first, that is predicted to reach the floor; else the last one."""
    candidates = [Candidate(encoder, quality(encoder)) for encoder in ladder]
    return next((candidate for candidate in candidates if candidate.quality >= target.floor), candidates[-1])


_LAWS: tuple[Law, ...] = ("pcmu", "pcma")
_LOSSY: dict[str, Callable[[ClipOrMetadata, Forecast, QualityTarget], Candidate]] = {
    OPUS: _opus,
    VORBIS: _vorbis,
    MPEG: _mp3,
    FLAC: _flac,
    WAV: _wav,
}
