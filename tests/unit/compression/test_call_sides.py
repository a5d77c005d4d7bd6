"""Each side of a call has its own analysis, bit rate and promise; music within speech has a bit rate of its own."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from schemas.media_type import MediaType
from scripts.benchmarks.codecs.dtmf import decode_digits, digits
from streams.analysis.analysis import analyse, analyse_lazily
from streams.audio import Clip, decode
from streams.codecs import DualMonoOpusEncoder, FlacEncoder, OpusEncoder
from streams.compression import DEFAULT_POLICY, Decision, Policy, choose, encode
from streams.compression.forecast import forecast
from streams.compression.plan import FLOORS
from tests.support import telephony
from tests.support.plans import analysed, decide
from tests.support.signals import clip_of, speech

VOICE, OTHER = (speech(8, seed=seed).samples[:, 0] for seed in (0, 1))
SILENCE = np.zeros_like(VOICE)
MUSIC = telephony.clip(telephony.music(8)).samples[:, 0]
LEVELS = (3, 4, 5)


def call(left: NDArray[np.int16], right: NDArray[np.int16]) -> Clip:
    return clip_of(np.stack([left, right], axis=1))


def decided(clip: Clip, level: int | None = None, policy: Policy = DEFAULT_POLICY) -> Decision:
    return choose(clip, analyse_lazily(clip), policy, fixed_level=level)


def sides(clip: Clip, level: int | None = None) -> tuple[OpusEncoder, OpusEncoder]:
    (encoder,) = decided(clip, level).plan.encoders
    assert isinstance(encoder, DualMonoOpusEncoder), encoder
    return encoder.left, encoder.right


def only(clip: Clip, level: int | None = None) -> OpusEncoder:
    (encoder,) = decided(clip, level).plan.encoders
    assert isinstance(encoder, OpusEncoder), encoder
    return encoder


@pytest.mark.parametrize("level", LEVELS)
def test_sides_of_a_call_are_coded_as_two_mono_clips_are(level: int) -> None:
    assert sides(call(VOICE, OTHER), level) == (only(clip_of(VOICE), level), only(clip_of(OTHER), level))


@pytest.mark.parametrize("level", LEVELS)
def test_the_prediction_is_that_of_the_worse_side(level: int) -> None:
    alone = [decided(clip_of(side), level).plan.qualities[0] for side in (VOICE, MUSIC)]

    found = decided(call(VOICE, MUSIC), level).plan.qualities

    assert found == (min(alone),)
    assert found[0] >= FLOORS[level]


def test_the_side_with_music_gets_more() -> None:
    left, right = sides(call(VOICE, MUSIC))

    assert right.bitrate > 1.3 * left.bitrate


@pytest.mark.parametrize("noise", [0, 1])
def test_a_silent_side_costs_next_to_nothing(noise: int) -> None:
    quiet = telephony.clip(telephony.noise(8, 2)).samples[:, 0] if noise else SILENCE
    alone = len(encode(clip_of(VOICE), decided(clip_of(VOICE)).plan).audio)

    for clip in (call(VOICE, quiet), call(quiet, VOICE)):
        plan = decided(clip).plan
        assert plan.qualities == decided(clip_of(VOICE)).plan.qualities
        assert len(encode(clip, plan).audio) - alone < 8 * 170  # bytes, of which the packets' lengths are most


def test_a_silent_call_costs_next_to_nothing() -> None:
    clip = call(SILENCE, SILENCE)

    assert decided(clip).reason == "silence"
    assert len(encode(clip, decided(clip).plan).audio) < 8 * 200


@pytest.mark.parametrize("frequencies", [(440, 480), (425,), (480, 620)], ids=str)
def test_ringing_before_speech_gets_what_music_needs(frequencies: tuple[float, ...]) -> None:
    ring = telephony.clip(telephony.silence(1), telephony.sines(frequencies, 2), telephony.silence(1)).samples[:, 0]
    sections = only(clip_of(np.concatenate([ring, VOICE]))).sections

    assert all(section.bitrate > 15_000 for section in sections)
    assert min(section.start_ms for section in sections) <= 1050
    assert 2950 <= max(section.end_ms for section in sections) <= 4100
    assert not only(clip_of(VOICE)).sections


@pytest.mark.parametrize("added", [0, 2])
def test_the_same_sound_on_both_sides_is_coded_once(added: int) -> None:
    other = (VOICE + np.random.default_rng(1).integers(-added, added + 1, len(VOICE))).astype(np.int16)

    assert analyse(call(VOICE, other)).sides == ()
    assert only(call(VOICE, other)).bitrate <= 1.2 * only(clip_of(VOICE)).bitrate
    assert len(analyse(call(VOICE, VOICE // 2)).sides) == 2  # coupled at such bit rates, both would be equally loud


def test_stereo_music_of_a_wide_band_is_coded_together() -> None:
    left, right = (telephony.clip(telephony.music(3, 44_100, seed), rate=44_100).samples[:, 0] for seed in (0, 1))
    wide = clip_of(np.stack([left, right], axis=1), 44_100)
    analysis = analyse(wide)

    expected = OpusEncoder if analysis.bandwidth > 8000 else DualMonoOpusEncoder
    assert isinstance(decided(wide).plan.encoders[0], expected)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("side", [0, 1])
def test_digits_survive_on_either_side(side: int, level: int) -> None:
    keys = "159*0#D"
    dialled = digits(keys, tone_ms=60, pause_ms=60).samples[:, 0]
    voice = VOICE[: len(dialled)]
    clip = call(dialled, voice) if side == 0 else call(voice, dialled)

    encoded = encode(clip, decided(clip, level).plan)
    result = decode(encoded.audio, MediaType("audio/ogg"))

    assert isinstance(result, Clip)
    assert decode_digits(result.samples[:, side], 8000) == keys
    assert sides(clip, level)[1 - side].bitrate < 12_000


def test_quiet_sides_are_amplified_together() -> None:
    left, right = sides(call(VOICE // 64, OTHER // 32))

    assert left.gain_db == right.gain_db > 10


@pytest.mark.parametrize("level_dbfs", [-49.0, -54.0, -58.0, -68.0])
def test_quiet_speech_is_not_silence(level_dbfs: float) -> None:
    loud = analyse(clip_of(VOICE))
    quiet = clip_of(np.rint(VOICE * 10 ** ((level_dbfs - loud.level_dbfs) / 20)).astype(np.int16))
    analysis = analyse(quiet)

    assert analysis.kind == "speech"
    assert analysis.level_dbfs == pytest.approx(level_dbfs, abs=1.5)
    encoder = only(quiet)
    assert analysis.level_dbfs + encoder.gain_db > -30
    assert encoder.bitrate == pytest.approx(only(clip_of(VOICE)).bitrate, rel=0.2)


def test_a_quiet_side_beside_a_loud_one_keeps_the_promise() -> None:
    quiet = (VOICE // 128).astype(np.int16)
    decision = decided(call(quiet, OTHER))

    assert decision.plan.qualities[0] >= FLOORS[3]
    assert decision.plan.encoders == (FlacEncoder(8),)
    assert decision.reason == "format limit"


@pytest.mark.parametrize("accepted", ["audio/mpeg", "audio/ogg;codecs=vorbis"])
def test_one_stream_for_different_sides_is_known_to_be_worse(accepted: str) -> None:
    policy = Policy(1, accept=(accepted,))

    apart, alike = (decided(call(VOICE, other), 3, policy) for other in (OTHER, VOICE))

    assert apart.reason == "format limit"
    assert 3.4 < apart.plan.qualities[0] < alike.plan.qualities[0]


def test_loud_clips_are_not_amplified() -> None:
    assert only(clip_of(VOICE)).gain_db == 0
    assert only(clip_of(SILENCE)).gain_db == 0


def test_a_peak_limits_the_gain() -> None:
    encoder = decide(analysis=analysed(level_dbfs=-50.0, peak_dbfs=-15.5)).plan.encoders[0]

    assert isinstance(encoder, OpusEncoder)
    assert encoder.gain_db == 14


def test_music_within_speech_has_its_own_bit_rate() -> None:
    clip = clip_of(np.concatenate([VOICE, MUSIC, OTHER, VOICE]))
    encoder = only(clip)
    analysis = analyse(clip)

    assert analysis.kind == "speech"
    (section,) = encoder.sections
    assert (section.start_ms, section.end_ms) == pytest.approx((8000, 16_000), abs=2100)
    assert section.start_ms <= 8200
    assert section.end_ms >= 15_800
    assert section.bitrate > 1.3 * encoder.bitrate
    assert decided(clip).plan.qualities[0] >= FLOORS[3]
    poorer = OpusEncoder(encoder.bitrate, shaped=True, bandwidth=4000)
    assert forecast(8000, 1, analysis).quality(poorer) < FLOORS[3]


def test_music_within_speech_counts_against_a_limit_of_bytes() -> None:
    clip = clip_of(np.concatenate([VOICE, MUSIC, OTHER, VOICE]))
    limit = only(clip).bitrate * 60 // 8

    assert decided(clip, policy=Policy(1, max_bytes_per_minute=limit)).plan.level > 3
    assert decided(clip, policy=Policy(1, max_bytes_per_minute=2 * limit)).plan.level == 3


def test_speech_without_music_has_no_sections() -> None:
    for seed in range(4):
        assert analyse(speech(40, seed=seed)).music == ()
    assert analyse(clip_of(MUSIC)).music == ()


def test_a_background_is_heard() -> None:
    words = telephony.cadence(telephony.noise(0.3, 3000), 0.2, 10)
    clean, noisy = telephony.clip(words), telephony.clip(words + telephony.noise(len(words) / 8000, 300))

    assert analyse(noisy).background_db == pytest.approx(-20, abs=2)
    assert analyse(clean).background_db == -math.inf
    assert analyse(clip_of(SILENCE)).background_db == -math.inf
    assert not only(noisy).shaped
