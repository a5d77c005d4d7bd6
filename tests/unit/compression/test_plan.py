"""Content, policy and load determine the plan, and its reason names the one that decided."""

from typing import Any

import pytest

from schemas.media_type import MediaType
from streams.analysis.analysis import Analysis, analyse_lazily
from streams.audio.clip import Clip
from streams.audio.decode import decode
from streams.codecs import FlacEncoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.compression import DEFAULT_POLICY, Plan, Policy, Pressure, assumed, choose, encode
from streams.compression.plan import FLOORS
from tests.support.plans import MOST, SPEECH, analysed, decide, opus
from tests.support.signals import encode_as, speech


def from_g711(label: str) -> Clip:
    clip = decode(encode_as(speech(0.2), label), MediaType(label))
    assert isinstance(clip, Clip)
    return clip


def test_automatic_is_transparent() -> None:
    decision = decide()

    assert (decision.plan.level, decision.plan.codec, decision.reason) == (3, "opus", "default")
    assert decision.plan.encoders == decide(fixed=3).plan.encoders


@pytest.mark.parametrize(("level", "codec"), [(1, "flac"), (2, "flac"), (3, "opus"), (4, "opus"), (5, "opus")])
def test_codec_by_level(level: int, codec: str) -> None:
    decision = decide(fixed=level)

    assert (decision.plan.level, decision.plan.codec, decision.reason) == (level, codec, f"fixed level {level}")


@pytest.mark.parametrize("level", [3, 4, 5])
def test_each_lossy_level_keeps_its_floor(level: int) -> None:
    decision = decide(fixed=level)

    assert decision.plan.qualities[0] >= FLOORS[level]
    assert opus(decision).dtx == (level == 5)


def test_lower_levels_take_more_bits() -> None:
    rates = [opus(decide(fixed=level)).bitrate for level in (3, 4, 5)]

    assert rates == sorted(set(rates), reverse=True)


@pytest.mark.parametrize("level", [0, 6, -1])
def test_unknown_level(level: int) -> None:
    with pytest.raises(ValueError, match="1 to 5"):
        decide(fixed=level)


@pytest.mark.parametrize(
    ("policy", "level", "reason"),
    [
        (Policy(1), 3, "default"),
        (Policy(1, ceiling_level=2), 2, "policy ceiling 2"),
        (Policy(1, ceiling_level=1, default_level=1), 1, "policy ceiling 1"),
        (Policy(1, floor_level=4), 4, "policy floor 4"),
        (Policy(1, floor_level=5, default_level=5), 5, "policy floor 5"),
        (Policy(1, default_level=4), 4, "policy default 4"),
        (Policy(1, default_level=1), 1, "policy default 1"),
        (Policy(1, floor_level=3, ceiling_level=3), 3, "default"),
        (Policy(1, legal_hold=True), 2, "legal hold"),
        (Policy(1, legal_hold=True, floor_level=4), 2, "legal hold"),
        (assumed(Policy(1, floor_level=4)), 2, "policy unknown"),
        (Policy(1, legal_hold=True, default_level=1), 1, "legal hold"),
    ],
)
def test_the_policy_sets_the_level(policy: Policy, level: int, reason: str) -> None:
    decision = decide(policy)

    assert (decision.plan.level, decision.reason) == (level, reason)


def test_a_fixed_level_wins_over_everything_but_legal_hold_and_fax() -> None:
    assert decide(Policy(1, ceiling_level=2), fixed=5).plan.level == 5
    assert decide(Policy(1, floor_level=5), fixed=1).plan.level == 1
    assert decide(pressure=MOST, fixed=3).plan.level == 3
    assert decide(Policy(1, legal_hold=True), fixed=5).plan.level == 2
    assert decide(analysis=analysed(kind="fax"), fixed=5).plan.level == 2


@pytest.mark.parametrize("pressure", [Pressure(), MOST])
@pytest.mark.parametrize("policy", [Policy(1), Policy(1, floor_level=5), Policy(1, accept=("audio/mpeg",))])
def test_fax_is_never_coded_lossily(policy: Policy, pressure: Pressure) -> None:
    decision = decide(policy, analysed(kind="fax"), pressure)

    assert (decision.plan.level, decision.plan.codec, decision.reason) == (2, "flac", "fax")
    assert decision.plan.qualities == (5.0,)


@pytest.mark.parametrize(
    "analysis", [analysed(has_dtmf=True), analysed(kind="tones"), analysed(has_dtmf=True, activity=0.1)]
)
@pytest.mark.parametrize("level", [3, 4, 5])
def test_tones_get_enough_bits_and_no_gaps(level: int, analysis: Analysis) -> None:
    encoder = opus(decide(fixed=level, analysis=analysis))

    assert encoder.bitrate >= 12_000
    assert not encoder.dtx
    assert decide(analysis=analysis).reason == "tones"


def test_silence_is_cheapest() -> None:
    decision = decide(analysis=analysed(kind="silence", level_dbfs=float("-inf"), activity=0.0))

    assert decision.reason == "silence"
    assert opus(decision) == OpusEncoder(6000, effort=0, dtx=True, bandwidth=4000)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (("audio/wav",), WavEncoder),
        (("audio/mpeg",), Mp3Encoder),
        (("audio/flac",), FlacEncoder),
        (("audio/ogg",), OpusEncoder),
        (("audio/ogg;codecs=opus",), OpusEncoder),
        (("audio/ogg;codecs=vorbis",), VorbisEncoder),
        (("audio/ogg;codecs=vorbis", "audio/ogg"), VorbisEncoder),
        (("audio/mpeg", "audio/ogg;codecs=opus", "audio/wav"), Mp3Encoder),
    ],
)
def test_the_first_accepted_type_is_taken(accept: tuple[str, ...], kind: type) -> None:
    for level in (3, 4, 5):
        decision = decide(Policy(1, accept=accept), fixed=level)
        (encoder,) = decision.plan.encoders
        assert isinstance(encoder, kind)
        assert decision.plan.qualities[0] >= FLOORS[level] or encoder == VorbisEncoder(1.0)  # its best


@pytest.mark.parametrize(
    ("accept", "codec"),
    [
        ((), "flac"),
        (("audio/wav",), "pcm"),
        (("audio/ogg", "audio/wav", "audio/flac"), "pcm"),
        (("audio/ogg", "audio/flac", "audio/wav"), "flac"),
        (("audio/mpeg",), "flac"),
    ],
)
@pytest.mark.parametrize("level", [1, 2])
def test_lossless_levels_take_the_first_lossless_type(level: int, accept: tuple[str, ...], codec: str) -> None:
    assert [encoder.codec for encoder in decide(Policy(1, accept=accept), fixed=level).plan.encoders] == [codec]


@pytest.mark.parametrize(("label", "law"), [("audio/PCMU", "pcmu"), ("audio/PCMA", "pcma")])
def test_g711_stays_g711_without_loss(label: str, law: str) -> None:
    clip = from_g711(label)

    for analysis in (SPEECH, analysed(g711=law)):
        assert [encoder.codec for encoder in decide(clip=clip, fixed=1, analysis=analysis).plan.encoders] == [law]
        assert [e.codec for e in decide(clip=clip, fixed=2, analysis=analysis).plan.encoders] == [law, "flac"]
        assert set(decide(clip=clip, fixed=2, analysis=analysis).plan.qualities) == {5.0}
    assert decide(clip=clip, fixed=3).plan.codec == "opus"


def test_linear_audio_that_was_g711_once_becomes_g711_again() -> None:
    clip = from_g711("audio/PCMA")
    linear = Clip.of(clip.samples, 8000, speech(0.1).source)

    plan = decide(clip=linear, analysis=analysed(g711="pcma"), fixed=1).plan

    assert [encoder.codec for encoder in plan.encoders] == ["pcma"]
    assert encode(linear, plan).quality == 5.0


@pytest.mark.parametrize(("level", "steps"), [(3, 1), (3, 2), (3, 3), (5, 3)])
def test_load_reduces_effort_first_and_keeps_the_quality_floor(level: int, steps: int) -> None:
    calm, busy = decide(fixed=level), decide(fixed=level, pressure=Pressure(effort_steps=steps))

    assert busy.plan.level == level
    assert opus(busy).effort < opus(calm).effort
    assert busy.plan.qualities[0] >= FLOORS[level]
    assert busy.reason == "load (effort)"


@pytest.mark.parametrize(
    ("policy", "level"),
    [
        (Policy(1), 5),
        (Policy(1, ceiling_level=4), 4),
        (Policy(1, ceiling_level=3), 3),
        (Policy(1, default_level=4), 5),
        (Policy(1, default_level=2), 2),  # lossless coding is the cheaper one
        (Policy(1, ceiling_level=1), 1),
        (Policy(1, legal_hold=True), 2),
    ],
)
def test_load_raises_the_level_within_the_policy(policy: Policy, level: int) -> None:
    decision = decide(policy, pressure=MOST)

    assert decision.plan.level == level
    raised = level > max(policy.default_level, 3)
    assert (decision.reason == "load (level)") == (raised or (policy.default_level == 3 < level))


def test_load_makes_lossless_coding_faster_and_keeps_it_lossless() -> None:
    assert decide(fixed=2).plan.encoders == (FlacEncoder(8),)
    assert decide(fixed=2, pressure=MOST).plan.encoders == (FlacEncoder(5),)


def test_only_speech_without_tones_is_shaped() -> None:
    others: list[dict[str, Any]] = [{"kind": "music"}, {"kind": "tones"}, {"has_dtmf": True}, {"kind": "silence"}]

    assert opus(decide()).shaped
    assert not any(opus(decide(analysis=analysed(**other))).shaped for other in others)


def test_profiles_differ_where_the_bytes_may() -> None:
    clips = [speech(0.1), speech(0.1, 16000), speech(0.1, channels=2), from_g711("audio/PCMU"), from_g711("audio/PCMA")]
    profiles = [decide(clip=clip, fixed=level).plan.profile for clip in clips for level in (1, 2)]
    lossy = [decide(clip=clip, fixed=level).plan.profile for clip in clips[:3] for level in (3, 4, 5)]

    assert len(set(profiles + lossy)) == len(profiles + lossy)


def test_the_choice_is_pure() -> None:
    clip = speech(1)

    assert choose(clip, analyse_lazily(clip), DEFAULT_POLICY) == choose(clip, analyse_lazily(clip), DEFAULT_POLICY)


def test_a_plan_is_for_one_form_of_audio() -> None:
    with pytest.raises(ValueError, match="the plan is for 8000 Hz"):
        encode(speech(0.1, 16000), Plan(1, 8000, 1, (FlacEncoder(5),)))
