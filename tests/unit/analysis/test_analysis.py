"""The audio analysis of a clip."""

from itertools import pairwise

import numpy as np
import pytest

from streams.analysis.analysis import analyse
from streams.audio import g711
from streams.audio.clip import Clip
from tests.support import telephony
from tests.support.signals import clip_of, speech
from tests.support.telephony import cadence, digit, music, noise, resampled, silence, sines


def voice(seconds: float, seed: int = 0, rate: int = 8000) -> telephony.Signal:
    return speech(seconds, rate, seed=seed).samples[:, 0].astype(float)


@pytest.mark.parametrize("seed", range(6))
def test_speech_is_speech(seed: int) -> None:
    analysed = analyse(speech(3, seed=seed))

    assert (analysed.kind, analysed.has_dtmf, analysed.g711) == ("speech", False, None)
    assert 0.4 < analysed.activity <= 1


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("seed", range(3))
def test_music_is_music(seed: int, rate: int) -> None:
    analysed = analyse(telephony.clip(music(2, rate, seed), rate=rate))

    assert (analysed.kind, analysed.has_dtmf) == ("music", False)


@pytest.mark.parametrize(
    "clip",
    [clip_of(np.zeros(16_000, np.int16)), telephony.clip(noise(2, 1)), telephony.clip(noise(2, 60))],
    ids=["digital", "one step", "background"],
)
def test_silence_is_silence(clip: Clip) -> None:
    analysed = analyse(clip)

    assert (analysed.kind, analysed.activity) == ("silence", 0)


CALL_PROGRESS = {
    "dial, US": sines((350, 440), 2),
    "dial, EU": sines((425,), 2),
    "busy, US": cadence(sines((480, 620), 0.5), 0.5, 3),
    "busy, EU": cadence(sines((425,), 0.5), 0.5, 3),
    "ringback, US": cadence(sines((440, 480), 2), 4, 1),
    "ringback, EU": cadence(sines((425,), 1), 4, 1),
    "ringback, UK": cadence(sines((400, 450), 0.4), 0.2, 3),
    "reorder": cadence(sines((480, 620), 0.25), 0.25, 6),
    "special information": np.concatenate([sines((hertz,), 0.33) for hertz in (950, 1400, 1800)]),
}


@pytest.mark.parametrize("signal", CALL_PROGRESS.values(), ids=CALL_PROGRESS.keys())
def test_call_progress_tones_are_tones(signal: telephony.Signal) -> None:
    for background in (0, 20):
        analysed = analyse(telephony.clip(signal + background * noise(len(signal) / 8000, 1)))

        assert (analysed.kind, analysed.has_dtmf) == ("tones", False)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100])
@pytest.mark.parametrize("key", telephony.KEYS)
def test_every_digit_of_40_ms_is_found_wherever_it_begins(key: str, rate: int) -> None:
    for delay in (0.1, 0.103, 0.106, 0.109):
        analysed = analyse(telephony.clip(silence(delay, rate), digit(key, 0.04, rate), silence(0.1, rate), rate=rate))

        assert analysed.has_dtmf


@pytest.mark.parametrize("deviation", [-0.015, 0.015])
@pytest.mark.parametrize("twist", [-8, 4])
def test_digits_are_found_in_noise_with_twist_and_off_pitch(twist: float, deviation: float) -> None:
    for key, amplitude in zip("1590D", (400, 1000, 3000, 6000, 9000), strict=True):
        tone = digit(key, 0.05, twist_db=twist, deviation=deviation, amplitude=amplitude)

        assert analyse(telephony.clip(silence(0.1), tone + noise(0.05, amplitude / 5), silence(0.1))).has_dtmf


def test_digits_beside_speech_are_found() -> None:
    analysed = analyse(telephony.clip(voice(2), digit("7", 0.06), voice(2, seed=1)))

    assert (analysed.kind, analysed.has_dtmf) == ("speech", True)


def test_digits_alone_are_tones() -> None:
    analysed = analyse(telephony.clip(*(cadence(digit(key, 0.07), 0.07, 1) for key in "0123456789")))

    assert (analysed.kind, analysed.has_dtmf) == ("tones", True)


@pytest.mark.parametrize(
    "frequencies", [(697,), (1209,), (697, 770), (700 * 1.05, 1209 * 1.05), (620, 1336), (440, 480)]
)
def test_other_tones_are_no_digits(frequencies: tuple[float, ...]) -> None:
    assert not analyse(telephony.clip(sines(frequencies, 1))).has_dtmf


@pytest.mark.parametrize("signal", [noise(2, 3000), sines((1000,), 2), sines((1100,), 0.2), music(3), voice(3)])
def test_other_sounds_are_no_fax(signal: telephony.Signal) -> None:
    assert analyse(telephony.clip(signal)).kind != "fax"


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_bandwidth_is_that_of_the_signal(rate: int) -> None:
    narrow = telephony.clip(resampled(voice(2) + noise(2, 30), 8000, rate), rate=rate)

    assert 3700 <= analyse(narrow).bandwidth <= 4300
    assert analyse(telephony.clip(noise(1, 1000, rate), rate=rate)).bandwidth >= 0.98 * rate / 2
    assert 900 <= analyse(telephony.clip(sines((1000,), 1, rate), rate=rate)).bandwidth <= 1300


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_g711_origin_is_detected(law: g711.Law) -> None:
    coded = g711.decode(g711.encode(speech(1).samples, law), law)
    spoilt = coded.copy()
    spoilt[4321] += 1

    assert analyse(clip_of(coded)).g711 == law
    assert analyse(clip_of(spoilt)).g711 is None
    assert analyse(clip_of(np.zeros(8000, np.int16))).g711 is None


@pytest.mark.parametrize("seed", range(3))
def test_a_call_with_one_silent_side_is_analysed_as_its_other_side(seed: int) -> None:
    voiced = speech(3, seed=seed).samples[:, 0]
    alone = analyse(clip_of(voiced))

    for sides in ((voiced, np.zeros_like(voiced)), (np.zeros_like(voiced), voiced)):
        analysed = analyse(clip_of(np.stack(sides, axis=1)))

        assert (analysed.kind, analysed.bandwidth, analysed.activity) == (alone.kind, alone.bandwidth, alone.activity)


@pytest.mark.parametrize("seed", range(3))
def test_telephone_speech_in_a_wide_band_file_is_detected(seed: int) -> None:
    wide = telephony.clip(resampled(voice(3, seed), 8000, 44_100), rate=44_100)

    analysed, narrow = analyse(wide), analyse(telephony.clip(voice(3, seed)))

    assert (analysed.kind, analysed.has_dtmf) == ("speech", False)
    assert analysed.bandwidth <= 4300
    assert analysed.level_dbfs == pytest.approx(narrow.level_dbfs, abs=0.1)


def test_level_is_that_of_the_sound() -> None:
    tone = sines((440,), 1, amplitude=8000)  # root mean square 5657: 15.3 dB below full scale

    for clip in (telephony.clip(tone), telephony.clip(silence(3), tone, silence(5))):
        assert analyse(clip).level_dbfs == pytest.approx(-15.26, abs=0.2)
    assert analyse(clip_of(np.zeros(100, np.int16))).level_dbfs == -np.inf


def test_an_offset_is_no_sound() -> None:
    said, heard = (np.concatenate([silence(2), voice(4, seed), silence(2)]) for seed in (0, 1))
    plain, shifted = (analyse(telephony.clip(said + offset)) for offset in (0, -1300))
    sides = [np.rint(0.01 * side - 1300) for side in (said, heard)]

    assert (shifted.kind, shifted.music) == (plain.kind, plain.music) == ("speech", ())
    assert shifted.level_dbfs == pytest.approx(plain.level_dbfs, abs=0.1)
    assert shifted.activity == pytest.approx(plain.activity, abs=0.02)
    assert shifted.background_db == pytest.approx(plain.background_db, abs=1)
    assert shifted.bandwidth == plain.bandwidth
    assert len(analyse(clip_of(np.stack(sides, axis=1).astype(np.int16))).sides) == 2


def test_activity_is_the_share_of_sound() -> None:
    analysed = analyse(telephony.clip(noise(4, 10), sines((440,), 1) + noise(1, 10), noise(3, 10)))

    assert analysed.activity == pytest.approx(1 / 8, abs=0.02)


def test_clipping_is_the_share_of_flat_tops() -> None:
    shares = [analyse(telephony.clip(sines((440,), 1, amplitude=level))).clipping for level in (20_000, 40_000, 90_000)]

    assert shares[0] == 0
    assert all(lower < higher for lower, higher in pairwise(shares))
    peaks = np.where(np.arange(8000) % 100 == 0, 32_767.0, 100.0)
    assert analyse(telephony.clip(peaks)).clipping == 0


def test_channels_are_analysed_one_by_one() -> None:
    guest, agent = voice(2), np.concatenate([silence(1), digit("5", 0.1), silence(0.9)])
    stereo = clip_of(np.stack([guest, agent], axis=1).astype(np.int16))

    analysed = analyse(stereo)

    assert (analysed.kind, analysed.has_dtmf) == ("speech", True)
    opposite = analyse(clip_of(np.stack([guest, -guest], axis=1).astype(np.int16)))
    assert opposite.kind == "speech"
    assert opposite.level_dbfs == pytest.approx(analyse(telephony.clip(guest)).level_dbfs, abs=0.01)


@pytest.mark.parametrize("frames", [1, 2, 10, 79, 159, 300, 511, 700])
@pytest.mark.parametrize("rate", [8000, 11_025, 48_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_shortest_clips_are_analysed(frames: int, rate: int, channels: int) -> None:
    samples = np.random.default_rng(frames).integers(-32768, 32768, (frames, channels)).astype(np.int16)

    analysed = analyse(clip_of(samples, rate))

    assert 0 <= analysed.activity <= 1
    assert 0 <= analysed.bandwidth <= rate / 2
