"""Levels become encoders, and the profile tells all that matters."""

import pytest

from schemas.media_type import MediaType
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.codecs import FlacEncoder
from streams.compression import Plan, choose, encode
from tests.support.signals import encode_as, speech


def from_g711(label: str) -> Clip:
    clip = decode(encode_as(speech(0.2), label), MediaType(label))
    assert isinstance(clip, Clip)
    return clip


def test_automatic_is_transparent() -> None:
    assert choose(speech(0.1), None) == choose(speech(0.1), 3)


@pytest.mark.parametrize(("level", "codec"), [(1, "flac"), (2, "flac"), (3, "opus"), (4, "opus"), (5, "opus")])
def test_codec_by_level(level: int, codec: str) -> None:
    plan = choose(speech(0.1), level)

    assert (plan.level, plan.codec) == (level, codec)


@pytest.mark.parametrize(("label", "law"), [("audio/PCMU", "pcmu"), ("audio/PCMA", "pcma")])
def test_g711_stays_g711_without_loss(label: str, law: str) -> None:
    clip = from_g711(label)

    assert [encoder.codec for encoder in choose(clip, 1).encoders] == [law]
    assert [encoder.codec for encoder in choose(clip, 2).encoders] == [law, "flac"]
    assert choose(clip, 3).codec == "opus"


@pytest.mark.parametrize("level", [0, 6, -1])
def test_unknown_level(level: int) -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        choose(speech(0.1), level)


def test_profiles_differ_where_the_bytes_may() -> None:
    clips = [speech(0.1), speech(0.1, 16000), speech(0.1, channels=2), from_g711("audio/PCMU"), from_g711("audio/PCMA")]
    profiles = [choose(clip, level).profile for clip in clips for level in (1, 2)]
    lossy = [choose(clip, level).profile for clip in clips[:3] for level in (3, 4, 5)]

    assert len(set(profiles + lossy)) == len(profiles + lossy)


def test_profile_is_the_same_for_other_audio() -> None:
    assert choose(speech(0.1), 3).profile == choose(speech(3, seed=1), 3).profile


def test_a_plan_is_for_one_form_of_audio() -> None:
    with pytest.raises(ValueError, match="the plan is for 8000 Hz"):
        encode(speech(0.1, 16000), Plan(1, 8000, 1, (FlacEncoder(5),)))
