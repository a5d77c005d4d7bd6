"""What came lossy is coded a second time only where that saves a fifth, and predictions begin with what came."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from schemas.media_type import MediaType
from streams.analysis.analysis import analyse, analyse_lazily
from streams.audio import Clip, decode
from streams.codecs import Encoded, Encoder, Mp3Encoder, OpusEncoder, VorbisEncoder
from streams.codecs.opus_file import NO_TAGS
from streams.compression import DEFAULT_POLICY, Plan, Policy, choose, encode, kept_reason, smallest
from streams.compression.compress import is_smaller
from streams.compression.forecast import forecast
from streams.compression.lossy_input import combined, input_quality
from tests.support.signals import clip_of, encode_as, media_type_of, speech

SPEECH = speech(6)
QUIET = clip_of((SPEECH.samples // 32).astype(np.int16))
LOSSY = [
    OpusEncoder(9000, shaped=True),
    OpusEncoder(24_000),
    Mp3Encoder(24_000),
    Mp3Encoder(64_000),
    VorbisEncoder(0.3),
]


def sent(file: Encoded) -> tuple[Clip, MediaType]:
    media_type = media_type_of(file.content_type)
    clip = decode(file.audio, media_type)
    assert isinstance(clip, Clip)
    return clip, media_type


def result(file: Encoded, level: int | None = None, policy: Policy = DEFAULT_POLICY) -> tuple[Encoded, Plan]:
    clip, media_type = sent(file)
    plan = choose(clip, analyse_lazily(clip), policy, fixed_level=level, input_bytes=len(file.audio)).plan
    return smallest(encode(clip, plan), clip, file.audio, media_type, policy, input_quality=plan.input_quality), plan


@pytest.mark.parametrize("level", [3, 4, 5])
@pytest.mark.parametrize(
    ("clip", "policy"),
    [(SPEECH, DEFAULT_POLICY), (QUIET, DEFAULT_POLICY), (SPEECH, Policy(1, accept=("audio/mpeg",)))],
    ids=["opus", "opus, quiet", "mp3"],
)
def test_a_result_that_is_sent_again_is_kept(level: int, clip: Clip, policy: Policy) -> None:
    plan = choose(clip, analyse_lazily(clip), policy, fixed_level=level).plan
    first = encode(clip, plan)

    again, _ = result(first, level, policy)

    assert again.audio == first.audio
    assert again.quality == pytest.approx(first.quality, abs=0.15)
    assert kept_reason(sent(first)[0].source) == "input is lossy"


@pytest.mark.parametrize("encoder", LOSSY, ids=lambda encoder: encoder.profile[:30])
def test_a_second_coding_saves_a_fifth_or_is_not_done(encoder: Encoder) -> None:
    file = encoder.encode(SPEECH)

    found, plan = result(file)

    assert found.audio == file.audio or len(found.audio) <= 0.8 * len(file.audio)
    assert found.quality == (plan.input_quality if found.audio == file.audio else plan.qualities[0])


def test_a_file_of_our_own_has_to_become_smaller_by_more_than_others() -> None:
    own = OpusEncoder(16_000).encode(SPEECH)
    clip, media_type = sent(own)
    foreign = own.audio.replace(NO_TAGS, b"OpusTags" + struct.pack("<I4sI", 4, b"Lavf", 0))

    def is_worth(original: bytes, share: float) -> bool:
        coded = replace(own, audio=bytes(round(len(original) * share)))
        return is_smaller(coded, clip, original, media_type)

    assert [is_worth(own.audio, share) for share in (0.7, 0.74, 0.78, 0.82)] == [True, False, False, False]
    assert [is_worth(foreign, share) for share in (0.7, 0.74, 0.78, 0.82)] == [True, True, True, False]


def test_a_policy_that_does_not_accept_the_inputs_type_gets_its_own() -> None:
    file = OpusEncoder(9000).encode(SPEECH)

    assert result(file, policy=Policy(1, accept=("audio/mpeg",)))[0].content_type == "audio/mpeg"
    assert result(file, policy=Policy(1, accept=("audio/ogg",)))[0].audio == file.audio


@pytest.mark.parametrize("level", [1, 2])
def test_nothing_is_lost_at_the_lossless_levels(level: int) -> None:
    file = Mp3Encoder(24_000).encode(SPEECH)

    found, _ = result(file, level)

    assert (found.audio, found.quality) == (file.audio, 5.0)


def test_predictions_begin_with_what_came() -> None:
    poor, good = (Mp3Encoder(bitrate).encode(SPEECH) for bitrate in (16_000, 64_000))

    (worse, poor_plan), (better, good_plan) = result(poor), result(good)

    assert poor_plan.input_quality < 3.5
    assert good_plan.input_quality > 4.3
    assert worse.quality < 3.45
    assert 4.0 < better.quality < 4.22


@pytest.mark.parametrize("encoder", LOSSY, ids=lambda encoder: encoder.profile[:30])
def test_an_inputs_own_quality_is_that_of_its_codec_and_bit_rate(encoder: Encoder) -> None:
    file = encoder.encode(SPEECH)
    clip, _ = sent(file)
    known = forecast(8000, 1, analyse(clip))

    assert input_quality(clip, len(file.audio), known) == pytest.approx(known.quality(encoder), abs=0.2)


def test_linear_audio_and_g711_have_lost_nothing() -> None:
    for label in ("audio/wav", "audio/PCMU"):
        audio = encode_as(SPEECH, label)
        clip = decode(audio, MediaType(label))
        assert isinstance(clip, Clip)
        assert input_quality(clip, len(audio), forecast(8000, 1, analyse(clip))) == 5.0


def test_losses_add_up() -> None:
    assert combined(5.0, 4.2) == 4.2
    assert combined(5.0, 5.0) == 5.0
    assert 3.3 < combined(3.43, 4.2) < 3.43
    assert combined(1.0, 1.0) == 1.0
