"""Predictions are in range, never fall with the bit rate, and lead to bit rates that keep a floor."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.audio.analysis import Analysis
from streams.codecs import Encoder, FlacEncoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.compression.quality import Model, bitrate_for, predict

analyses = st.builds(
    Analysis,
    kind=st.sampled_from(["speech", "music", "silence", "tones", "fax"]),
    bandwidth=st.integers(0, 24_000),
    g711=st.sampled_from([None, "pcmu", "pcma"]),
    level_dbfs=st.floats(-90, 0) | st.just(float("-inf")),
    clipping=st.floats(0, 1),
    activity=st.floats(0, 1),
    has_dtmf=st.booleans(),
)
rates = st.sampled_from([8000, 11_025, 16_000, 24_000, 44_100, 48_000])
channels = st.integers(1, 2)
efforts = st.integers(0, 10)


def heard(**changes: Any) -> Analysis:
    """An ordinary clip."""
    ordinary: dict[str, Any] = {
        "kind": "speech",
        "bandwidth": 3900,
        "g711": None,
        "level_dbfs": -18.0,
        "clipping": 0.0,
        "activity": 0.85,
        "has_dtmf": False,
    }
    return Analysis(**(ordinary | changes))


@given(analysis=analyses, rate=rates, channels=channels, effort=efforts)
def test_opus_gets_no_worse_with_more_bits(analysis: Analysis, rate: int, channels: int, effort: int) -> None:
    bitrates = range(6000, 200_000, 1500)

    scores = [predict(OpusEncoder(bitrate, effort), rate, channels, analysis) for bitrate in bitrates]

    assert scores == sorted(scores)
    assert all(1.0 <= score <= 4.55 for score in scores)


@given(analysis=analyses, rate=rates, channels=channels)
def test_mp3_and_vorbis_get_no_worse_either(analysis: Analysis, rate: int, channels: int) -> None:
    mp3 = [predict(Mp3Encoder(bitrate), rate, channels, analysis) for bitrate in range(8000, 320_000, 8000)]
    vorbis = [predict(VorbisEncoder(quality / 20), rate, channels, analysis) for quality in range(21)]

    assert mp3 == sorted(mp3)
    assert vorbis == sorted(vorbis)


@given(
    analysis=analyses, rate=rates, channels=channels, effort=efforts, floor=st.floats(1.0, 4.4), more=st.floats(0, 1)
)
def test_bit_rate_grows_with_the_floor(
    *, analysis: Analysis, rate: int, channels: int, effort: int, floor: float, more: float
) -> None:
    low = bitrate_for(floor, rate, channels, analysis, effort)
    high = bitrate_for(floor + more, rate, channels, analysis, effort)

    assert 6000 <= low <= high <= 400_000


@given(analysis=analyses, rate=rates, channels=channels, effort=efforts, floor=st.floats(3.0, 4.3))
def test_bit_rate_keeps_the_floor(analysis: Analysis, rate: int, channels: int, effort: int, floor: float) -> None:
    bitrate = bitrate_for(floor, rate, channels, analysis, effort)
    enough = OpusEncoder(bitrate, effort, bandwidth=analysis.bandwidth)
    best = OpusEncoder(1_000_000, effort, bandwidth=analysis.bandwidth)

    score = predict(enough, rate, channels, analysis)

    assert score >= min(floor, predict(best, rate, channels, analysis)) - 0.011  # two decimals


@pytest.mark.parametrize(("floor", "low", "high"), [(4.2, 9000, 12_500), (4.0, 7500, 10_500), (3.5, 6000, 8000)])
def test_levels_take_what_was_measured(floor: float, low: int, high: int) -> None:
    assert low <= bitrate_for(floor, 8000, 1, heard()) <= high


@pytest.mark.parametrize(
    "change", [{"kind": "music"}, {"kind": "tones"}, {"bandwidth": 7000}, {"bandwidth": 20_000}, {"level_dbfs": -42.0}]
)
def test_harder_clips_get_more(change: dict[str, Any]) -> None:
    assert bitrate_for(4.2, 48_000, 1, heard(**change)) > bitrate_for(4.2, 48_000, 1, heard())


def test_less_effort_is_made_up_for() -> None:
    needed = [bitrate_for(4.0, 8000, 1, heard(), effort) for effort in (0, 3, 5, 10)]

    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[-1]


@pytest.mark.parametrize("encoder", [FlacEncoder(5), WavEncoder("pcm"), WavEncoder("pcmu")])
def test_what_loses_nothing(encoder: Encoder) -> None:
    assert predict(encoder, 8000, 1, heard(g711="pcmu")) == 5.0


def test_g711_loses_something_of_linear_audio() -> None:
    assert 3.5 < predict(WavEncoder("pcmu"), 8000, 1, heard()) < 4.55
    assert predict(WavEncoder("pcma"), 8000, 1, heard(g711="pcmu")) < 4.55


def test_dips_of_a_fit_are_levelled() -> None:
    model = Model.from_json(
        {
            "features": [],
            "curves": {"opus": {"speech": {"settings": [6000, 8000, 10_000], "weights": [[3.0], [2.9], [4.0]]}}},
            "bands": {"opus": [{"upto": 24_000, "factor": 1.0}]},
            "stereo": 2.0,
            "apart": 16_500,
            "g711": 4.0,
        }
    )

    assert [model.predict(OpusEncoder(rate), 8000, 1, heard()) for rate in (6000, 8000, 9000)] == [3.0, 3.0, 3.5]
    assert model.bitrate_for(3.25, 8000, 1, heard()) == 8500
    assert model.bitrate_for(3.25, 8000, 2, heard()) == 17_000
    assert model.bitrate_for(3.0, 8000, 2, heard()) == 16_500  # the sides are kept apart
