"""Predictions are in range, never fall with the bit rate, and give bit rates that reach a floor."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.analysis.analysis import Analysis
from streams.codecs import Encoder, FlacEncoder, Mp3Encoder, OpusEncoder, VorbisEncoder, WavEncoder
from streams.compression.forecast import Forecast, forecast
from streams.compression.quality import Model

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


def analysed(**changes: Any) -> Analysis:
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
def test_opus_does_not_get_worse_with_more_bits(analysis: Analysis, rate: int, channels: int, effort: int) -> None:
    prediction = forecast(rate, channels, analysis)

    scores = [prediction.quality(OpusEncoder(bitrate, effort)) for bitrate in range(6000, 200_000, 1500)]

    assert scores == sorted(scores)
    assert all(1.0 <= score <= 4.55 for score in scores)


@given(analysis=analyses, rate=rates, channels=channels)
def test_mp3_and_vorbis_do_not_get_worse_with_more_bits(analysis: Analysis, rate: int, channels: int) -> None:
    prediction = forecast(rate, channels, analysis)

    mp3 = [prediction.quality(Mp3Encoder(bitrate)) for bitrate in range(8000, 320_000, 8000)]
    vorbis = [prediction.quality(VorbisEncoder(quality / 20)) for quality in range(21)]

    assert mp3 == sorted(mp3)
    assert vorbis == sorted(vorbis)


@given(
    analysis=analyses, rate=rates, channels=channels, effort=efforts, floor=st.floats(1.0, 4.4), more=st.floats(0, 1)
)
def test_bit_rate_grows_with_the_floor(
    *, analysis: Analysis, rate: int, channels: int, effort: int, floor: float, more: float
) -> None:
    prediction = forecast(rate, channels, analysis)

    low = prediction.bitrate_for(floor, effort)
    high = prediction.bitrate_for(floor + more, effort)

    assert 6000 <= low <= high <= 400_000


@given(analysis=analyses, rate=rates, channels=channels, effort=efforts, floor=st.floats(3.0, 4.3))
def test_bit_rate_keeps_the_floor(analysis: Analysis, rate: int, channels: int, effort: int, floor: float) -> None:
    prediction = forecast(rate, channels, analysis)
    bitrate = prediction.bitrate_for(floor, effort)
    enough = OpusEncoder(bitrate, effort, bandwidth=analysis.bandwidth)
    best = OpusEncoder(1_000_000, effort, bandwidth=analysis.bandwidth)

    score = prediction.quality(enough)

    assert score >= min(floor, prediction.quality(best)) - 0.011  # two decimals


@pytest.mark.parametrize(("floor", "low", "high"), [(4.2, 9000, 12_500), (4.0, 7500, 10_500), (3.5, 6000, 8000)])
def test_levels_take_what_was_measured(floor: float, low: int, high: int) -> None:
    assert low <= forecast(8000, 1, analysed()).bitrate_for(floor) <= high


@pytest.mark.parametrize(
    "change", [{"kind": "music"}, {"kind": "tones"}, {"bandwidth": 7000}, {"bandwidth": 20_000}, {"level_dbfs": -42.0}]
)
def test_harder_clips_get_more(change: dict[str, Any]) -> None:
    assert forecast(48_000, 1, analysed(**change)).bitrate_for(4.2) > forecast(48_000, 1, analysed()).bitrate_for(4.2)


def test_less_effort_takes_more_bits() -> None:
    needed = [forecast(8000, 1, analysed()).bitrate_for(4.0, effort) for effort in (0, 3, 5, 10)]

    assert needed == sorted(needed, reverse=True)
    assert needed[0] > needed[-1]


@pytest.mark.parametrize("encoder", [FlacEncoder(5), WavEncoder("pcm"), WavEncoder("pcmu")])
def test_lossless_encoders_have_the_best_quality(encoder: Encoder) -> None:
    assert forecast(8000, 1, analysed(g711="pcmu")).quality(encoder) == 5.0


def test_g711_loses_something_of_linear_audio() -> None:
    assert 3.5 < forecast(8000, 1, analysed()).quality(WavEncoder("pcmu")) < 4.55
    assert forecast(8000, 1, analysed(g711="pcmu")).quality(WavEncoder("pcma")) < 4.55


def test_dips_of_a_fit_are_levelled() -> None:
    model = Model.from_json(
        {
            "features": [],
            "curves": {"opus": {"speech": {"settings": [6000, 8000, 10_000], "weights": [[3.0], [2.9], [4.0]]}}},
            "bands": {"opus": [{"upto": 24_000, "factor": 1.0}]},
            "stereo": {"opus": 2.0, "mpeg": 2.0, "vorbis": 0.5},
            "alike": 1.1,
            "g711": 4.0,
            "received": {"fixed": {}, "opus": [0, 0.0, 1.0], "vorbis": [16_000, 40_000]},
        }
    )

    assert [Forecast(model, 8000, 1, analysed()).quality(OpusEncoder(rate)) for rate in (6000, 8000, 9000)] == [
        3.0,
        3.0,
        3.5,
    ]
    assert Forecast(model, 8000, 1, analysed()).bitrate_for(3.25) == 8500
    assert Forecast(model, 8000, 2, analysed()).bitrate_for(3.25) == 9400
