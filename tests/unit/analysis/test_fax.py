"""Fax and modem signals are detected at every usual level, in noise and in any channel; none is coded lossily."""

import numpy as np
import pytest

from schemas import MediaType, Policy
from streams.analysis.analysis import analyse, analyse_lazily
from streams.audio import decode, g711
from streams.audio.clip import Clip
from streams.compression import DEFAULT_POLICY, Pressure, choose, encode
from tests.support import telephony
from tests.support.signals import clip_of, speech
from tests.support.telephony import Signal, cadence, keyed, modem, noise, qam, resampled, silence, sines, stepped

FLAGS = [0, 1, 1, 1, 1, 1, 1, 0]
DATA = np.random.default_rng(0).integers(0, 2, 300).tolist()
#: A sine that fills the range of A-law is at 3.14 dBm0 (ITU-T G.711).
FULL_SCALE_DBM = 3.14


def answer_of_v8() -> Signal:
    """2100 Hz, modulated by 20 % at 15 Hz, its phase reversed every 450 ms."""
    time = np.arange(3 * 8000) / 8000
    turned = np.pi * ((time / 0.45).astype(int) % 2)
    return 6000 * (1 + 0.2 * np.sin(2 * np.pi * 15 * time)) * np.sin(2 * np.pi * 2100 * time + turned)


SIGNALS = {
    "CNG": sines((1100,), 0.5),
    "CNG, 38 Hz too high": sines((1138,), 0.5),
    "CNG, 38 Hz too low": sines((1062,), 0.5),
    "CED": sines((2100,), 2.6),
    "V.8 answer": answer_of_v8(),
    "V.21 preamble": keyed(1, 1650, 1850, FLAGS),
    "V.21 data": keyed(1, 1650, 1850, DATA),
    "V.21 data of the caller": keyed(1, 980, 1180, DATA),
    "V.22": modem(2, 600, 1200),
    "V.27 ter, 2400 bit/s": modem(1.5, 1200, 1800),
    "V.27 ter, 4800 bit/s": modem(1.5, 1600, 1800),
    "V.29": modem(1.5, 2400, 1700),
    "V.17": modem(1.5, 2400, 1800),
    "V.34, 2400 symbols/s": qam(1.5, 2400, 1600),
    "V.34, 3000 symbols/s, low": qam(1.5, 3000, 1800),
    "V.34, 3000 symbols/s, high": qam(1.5, 3000, 2000),
    "V.34, 3200 symbols/s, low": qam(1.5, 3200, 1829),
    "V.34, 3200 symbols/s, high": qam(1.5, 3200, 1920),
    "V.34, 3429 symbols/s": qam(1.5, 3429, 1959),
}
every_signal = pytest.mark.parametrize("signal", SIGNALS.values(), ids=SIGNALS.keys())


def at_level(signal: Signal, dbm: float, noise_below_db: float) -> Signal:
    """Bring a signal to a level in dBm0, with noise so many dB below it, and half a second more noise at both ends."""
    rms = 32_768 / np.sqrt(2) * 10 ** ((dbm - FULL_SCALE_DBM) / 20)
    padded = np.concatenate([silence(0.5), signal * rms / np.sqrt(np.mean(signal**2)), silence(0.5)])
    return padded + noise(len(padded) / 8000, rms * 10 ** (-noise_below_db / 20))


def analysed(clip: Clip) -> str:
    return analyse(clip).kind


@pytest.mark.parametrize("noise_below_db", [40, 20])
@pytest.mark.parametrize("dbm", [-10, -30])
@every_signal
def test_fax_is_detected_through_either_law_at_every_level_and_in_noise(
    signal: Signal, dbm: float, noise_below_db: float
) -> None:
    line = telephony.clip(at_level(signal, dbm, noise_below_db)).samples
    for law in ("pcmu", "pcma"):
        assert analysed(clip_of(g711.decode(g711.encode(line, law), law))) == "fax"


@pytest.mark.parametrize("name", ["CNG", "CED", "V.8 answer", "V.21 preamble", "V.21 data"])
def test_tones_that_begin_a_fax_are_detected_at_the_level_that_receivers_detect(name: str) -> None:
    assert analysed(telephony.clip(at_level(SIGNALS[name], -40, 20))) == "fax"


def test_the_noise_of_a_quiet_line_is_no_modem() -> None:
    line = np.fft.rfft(noise(4, 1))
    frequency = np.fft.rfftfreq(4 * 8000, 1 / 8000)
    band = np.fft.irfft(line * ((frequency > 300) & (frequency < 3400)))
    assert analysed(telephony.clip(band * 120 / band.std())) == "silence"


def test_the_hiss_of_a_recording_is_no_modem() -> None:
    hiss = np.fft.rfft(noise(4, 1))
    frequency = np.fft.rfftfreq(4 * 8000, 1 / 8000)
    band = np.fft.irfft(hiss * ((frequency > 100) & (frequency < 3700)))
    assert analysed(telephony.clip(band * 1000 / band.std())) != "fax"


STEPS_HZ = np.arange(300.0, 3400.0, 100)


@pytest.mark.parametrize("step", [0.016, 0.02, 0.03, 0.05, 0.1, 0.2, 0.5, 1])
@pytest.mark.parametrize(
    "pitches",
    [
        STEPS_HZ,
        STEPS_HZ[::-1],
        np.arange(300.0, 3400.0, 50),
        np.random.default_rng(1).permutation(STEPS_HZ),
        np.array([1000.0, 1100, 1200, 2000, 2100, 2200]),
        np.array([1100.0, 2100, 1500]),
        np.array([1080.0, 1750, 1300]),
        np.random.default_rng(2).uniform(300, 3400, 60),
    ],
    ids=[
        "up",
        "down",
        "fine",
        "shuffled",
        "around the tones of fax",
        "the tones of fax and another",
        "between keyed ones",
        "random",
    ],
)
def test_tones_in_succession_are_no_fax(pitches: Signal, step: float) -> None:
    line = telephony.clip(at_level(np.tile(stepped(pitches, step), 1 + int(2 / step / len(pitches))), -15, 40)).samples
    assert analysed(clip_of(g711.decode(g711.encode(line, "pcmu"), "pcmu"))) != "fax"


@pytest.mark.parametrize("pause", [0.05, 0.1, 0.3, 0.5])
@pytest.mark.parametrize("step", [0.4, 0.5, 1])
def test_tones_with_pauses_between_them_are_no_fax(step: float, pause: float) -> None:
    tones = [np.append(sines((pitch,), step), silence(pause)) for pitch in (900, 1000, 1100, 1300, 1700, 2100, 2500)]
    assert analysed(telephony.clip(at_level(np.concatenate(tones), -15, 40))) != "fax"


def test_a_fax_call_from_its_ringing_on_is_fax() -> None:
    ringing, calling, answering = sines((440, 480), 1), sines((1100,), 0.5), sines((2100,), 1)
    for first, second in ((calling, answering), (answering, calling)):
        line = np.concatenate([ringing, silence(0.4), first, silence(0.4), second])
        assert analysed(telephony.clip(at_level(line, -15, 40))) == "fax"


@every_signal
def test_fax_is_detected_on_either_side_of_a_call_and_in_a_wide_band_file(signal: Signal) -> None:
    one = telephony.clip(at_level(signal, -20, 30)).samples[:, 0]
    other = speech(len(one) / 8000).samples[:, 0]
    for sides in ((one, other), (other, one), (one, np.zeros_like(one))):
        assert analysed(clip_of(np.stack(sides, axis=1))) == "fax"
    assert analysed(telephony.clip(resampled(one.astype(float), 8000, 44_100), rate=44_100)) == "fax"


@pytest.mark.parametrize(
    "signal",
    [
        np.concatenate([speech(2).samples[:, 0].astype(float), sines((1100,), 0.5), silence(1)]),
        np.concatenate([silence(33), modem(2, 2400, 1800)]),
        cadence(sines((1100,), 0.5), 3, 2),
    ],
    ids=["CNG after speech", "a page after silence", "CNG again and again"],
)
def test_fax_anywhere_makes_the_clip_fax(signal: Signal) -> None:
    assert analysed(telephony.clip(signal)) == "fax"


@pytest.mark.parametrize("level", [None, 3, 4, 5])
@pytest.mark.parametrize("accept", [(), ("audio/ogg;codecs=opus",), ("audio/mpeg",), ("audio/wav",)])
@every_signal
def test_fax_comes_back_sample_by_sample_whatever_was_asked_for(
    signal: Signal, accept: tuple[str, ...], level: int | None
) -> None:
    clip = telephony.clip(at_level(signal, -30, 20))
    policy = Policy(1, floor_level=4, accept=accept) if accept else DEFAULT_POLICY

    decision = choose(clip, analyse_lazily(clip), policy, Pressure(3, 2), level)
    encoded = encode(clip, decision.plan)

    assert decision.reason == "fax"
    returned = decode(encoded.audio, MediaType(encoded.content_type))
    assert isinstance(returned, Clip)
    assert returned.pcm_sha256 == clip.pcm_sha256
