"""The C functions of the audio analysis, compared with the same formulas in numpy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.analysis.activity import normalised
from streams.analysis.dtmf import HIGH_HZ, LOW_HZ
from streams.analysis.music import features
from streams.analysis.spectrum import Spectrum, spectrum
from streams.analysis.tones import mark
from streams.audio.clip import Clip
from streams.native import ffi, lib
from tests.support import signals, telephony

Samples = NDArray[np.float32]


def mono(clip: Clip) -> Samples:
    return normalised(clip.samples).reshape(-1)


@pytest.mark.parametrize("size", [512, 706])
def test_power_and_its_sums_over_time(size: int) -> None:
    frames = mono(signals.speech(1.0))[: size * 11].reshape(-1, size)
    transformed = np.fft.rfft(frames, norm="ortho")
    kept = size // 3
    power, sums = np.empty((len(frames), kept), np.float32), np.ones(size // 2 + 1)
    lib.power_spectrum(
        ffi.from_buffer("float[]", transformed),
        len(frames),
        size // 2 + 1,
        kept,
        ffi.from_buffer("float[]", power),
        ffi.from_buffer("double[]", sums),
    )
    expected = np.abs(transformed.astype(np.complex128)) ** 2
    expected[:, :2] = 0  # where an offset is
    assert power == pytest.approx(expected[:, 1 : kept + 1], rel=1e-6)
    assert sums == pytest.approx(1 + expected.sum(axis=0), rel=1e-6)


@pytest.mark.parametrize(
    ("power", "share", "least", "band"),
    [
        ([9.0, 9, 9, 9, 9, 9, 9], 0.1, 0, 3),  # the last one holds a single bin
        ([9.0, 0, 9, 1, 1, 0, 0], 0.1, 0, 2),
        ([9.0, 0, 9, 1, 0, 0, 1], 0.1, 0, 1),
        ([9.0, 0, 9, 1, 0, 0, 2], 0.1, 0, 3),
        ([9.0, 0, 9, 1, 2, 0, 2], 0.1, 2, 2),
        ([0.0, 0, 0, 0, 0, 0, 0], 0.1, 0, 0),
    ],
)
def test_the_highest_audible_band(power: list[float], share: float, least: float, band: int) -> None:
    assert lib.highest_band(ffi.new("double[]", power), len(power), 3, share, least) == band


@pytest.fixture(params=[8000, 11025])  # 256 and 255 bins: whole vectors, and some that are not
def rate(request: pytest.FixtureRequest) -> int:
    value: int = request.param
    return value


@pytest.fixture
def seen(rate: int) -> Spectrum:
    return spectrum(mono(signals.speech(2.0, rate=rate)), rate)


def machines(rate: int) -> Samples:
    """Speech, steady and gliding sines, fax tones, both channels of V.21, a carrier and noise, one after the other."""
    parts = [
        signals.speech(1.0).samples[:, 0].astype(np.float64),
        telephony.sines((440.0,), 0.3),
        telephony.sines((350.0, 440.0), 0.3),
        telephony.sines((1090.0,), 0.4),
        telephony.sines((2105.0,), 0.4),
        telephony.sines((2130.0,), 0.4),
        telephony.keyed(0.5, 1650, 1850, [1, 0, 0, 1, 1]),
        telephony.keyed(0.5, 980, 1180, [1, 0]),
        telephony.silence(0.2),
        telephony.modem(0.6, 2400, 1700),
        telephony.noise(0.5, 2000),
        telephony.noise(0.3, 2),
    ]
    made = telephony.resampled(np.concatenate(parts), 8000, rate)
    return (made / 32768).astype(np.float32)


def sines(power: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Shares of power around the strongest bin, and around the two strongest; its position and the centre, in bins."""
    numbers, left, inside, pitch = np.arange(1, len(power) + 1), power.copy(), [], 0.0
    for sine in range(2):
        at = int(left.argmax())
        near = slice(max(at - 2, 0), at + 3)
        inside.append(left[near].sum())
        if sine == 0:
            pitch = float((power[near] * numbers[near]).sum() / power[near].sum())
        left[near] = 0
    total = power.sum()
    return inside[0] / total, sum(inside) / total, pitch, float((power * numbers).sum() / total)


def expected_marks(power: NDArray[np.float64], bin_hz: float) -> dict[int, NDArray[np.bool_]]:
    level, frequencies = power.sum(axis=1), np.arange(1, power.shape[1] + 1) * bin_hz
    first, both, pitch, centre = np.array([sines(frame) for frame in power]).T
    loud = level > max(1e-5, 1e-3 * level.max())
    pure, alone = loud & (both > 0.95), loud & (first > 0.95)
    still = np.zeros_like(pure)
    still[1:] = pure[1:] & pure[:-1] & (np.abs(np.diff(centre * bin_hz)) < 12)

    def between(low: float, high: float) -> NDArray[np.float64]:
        inside: NDArray[np.float64] = power[:, (low <= frequencies) & (frequencies < high)].sum(axis=1)
        return inside

    def keyed(low: float, high: float) -> NDArray[np.bool_]:
        lower, upper = between(low - 100, (low + high) / 2), between((low + high) / 2, high + 100)
        actual: NDArray[np.bool_] = (
            loud & ~alone & (lower + upper > 0.9 * level) & (np.minimum(lower, upper) > level / 10)
        )
        return actual

    return {
        lib.LOUD: loud,
        lib.STILL: still,
        lib.CNG: alone & still & (np.abs(pitch * bin_hz - 1100) <= 45),
        lib.CED: alone & (np.abs(pitch * bin_hz - 2100) <= 15),
        lib.V21_LOW: keyed(980, 1180),
        lib.V21_HIGH: keyed(1650, 1850),
        lib.CARRIER: loud & (level > 10**-4.5) & (between(200, 3750) > 0.985 * level),
    }


def longest_stretch(flags: NDArray[np.bool_]) -> int:
    return max(len(stretch) for stretch in "".join("x" if flag else " " for flag in flags).split(" "))


def test_marks_of_machines(rate: int) -> None:
    transformed = spectrum(machines(rate), rate)
    marked = mark(transformed)
    level, centre = marked.level, marked.centre
    power = transformed.power.astype(np.float64)
    assert level == pytest.approx(power.sum(axis=1), rel=1e-5)
    numbers = np.arange(1, power.shape[1] + 1) * transformed.bin_hz
    sounding = level > 0
    assert centre[sounding] == pytest.approx((power @ numbers)[sounding] / level[sounding], rel=1e-5)
    expected = expected_marks(np.maximum(power, 1e-30), transformed.bin_hz)
    assert len(expected) == lib.MARKS
    for number, flags in expected.items():
        assert flags.any()  # the signal has something of everything
        assert not flags.all()
        assert marked.where(number).tolist() == flags.tolist()
        assert marked.longest[number] == longest_stretch(flags)


def test_music_features(seen: Spectrum) -> None:
    actual = features(seen)

    power = seen.power.astype(np.float64) + 1e-12
    amplitude, level = np.sqrt(power), power.sum(axis=1)
    centre = power @ np.arange(1, power.shape[1] + 1) / level
    active = level > level.max() * 1e-3
    assert active.any()
    assert not active.all()

    def likeness(lag: int) -> float:
        alike = (amplitude[lag:] * amplitude[:-lag]).sum(axis=1) / np.sqrt(level[lag:] * level[:-lag])
        return float(alike[active[lag:] & active[:-lag]].mean())

    stands_out = np.zeros_like(power, bool)
    stands_out[:, 3:-3] = (
        (power[:, 3:-3] > 6 * np.maximum(power[:, :-6], power[:, 6:]))
        & (power[:, 3:-3] >= power[:, 2:-4])
        & (power[:, 3:-3] >= power[:, 4:-2])
    )
    partial = amplitude * stands_out
    expected = [
        (level < 0.3 * level.mean()).mean(),
        likeness(3),
        likeness(8),
        np.log2(centre[active]).std(),
        np.abs(np.diff(10 * np.log10(level))).clip(0, 20).mean(),
        (partial[4:] * partial[:-4]).sum() / np.sqrt((partial[4:] ** 2).sum() * (partial[:-4] ** 2).sum()),
        (stands_out[8:] & stands_out[:-8]).sum() / stands_out[8:].sum(),
    ]
    assert 0 not in expected
    assert actual == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, 4, 5, 40, 700])
def test_frames_with_sound(channels: int, frames: int) -> None:
    size, around = 37, 75
    loudness = 10 ** np.random.default_rng(frames).uniform(-4, -1, (frames, 1, channels))
    samples = np.random.default_rng(3).standard_normal((frames, size, channels)) * loudness
    samples[frames // 3 : frames // 2] *= 1e-3
    samples = (samples + np.linspace(-1e-3, 1e-3, channels)).astype(np.float32)  # an offset is no sound
    power, levels = np.empty(frames, np.float32), ffi.new("double[3]")
    actual = lib.sounding_frames(
        ffi.from_buffer("float[]", samples), frames, size, channels, around, ffi.from_buffer("float[]", power), levels
    )

    expected = samples.astype(np.float64).var(axis=1).max(axis=1)
    background = np.array([expected[max(0, at - around) : at + around].min() for at in range(frames)])
    silent = np.clip(expected.max() * 1e-5, 1e-8, 1e-6)
    loud = expected > np.clip(8 * background, silent, 1e-4)
    near = [loud[max(0, at - 2) : at + 3].any() for at in range(frames)] if frames > 4 else loud
    assert power == pytest.approx(expected, rel=1e-5, abs=1e-12)
    assert actual == np.count_nonzero(near)
    assert levels[1] == pytest.approx(background[loud].mean() if loud.any() else 0, rel=1e-5)
    assert levels[2] == pytest.approx((expected > levels[0] * 0.0631).mean(), abs=1.5 / frames)
    assert levels[0] == pytest.approx((expected[loud] if loud.any() else expected).mean(), rel=1e-5)


HOP, RATE = 80, 8000
TONES_HZ = np.array(LOW_HZ + HIGH_HZ)


def look_for_digits(samples: Samples) -> tuple[bool, float, float]:
    """Whether there is a digit; the energy of all windows, and of pure ones."""
    window = np.hanning(2 * HOP + 1)[:-1]
    basis = window * np.exp(-2j * np.pi * np.outer(TONES_HZ, np.arange(2 * HOP) / RATE)) * 2 / window.sum()
    halves = [part[:, half] for half in (slice(HOP), slice(HOP, None)) for part in (basis.real, basis.imag)]
    blocks = samples[: len(samples) // HOP * HOP].reshape(-1, HOP)
    amplitudes = (blocks @ np.vstack(halves).T).astype(np.float32)
    weights, energy = (window**2 / (window @ window)).astype(np.float32), np.array([1.0, 2.0])
    actual = lib.find_digit(
        ffi.from_buffer("float[]", amplitudes),
        ffi.from_buffer("float[]", np.ascontiguousarray(blocks)),
        len(blocks),
        HOP,
        ffi.from_buffer("float[]", weights),
        ffi.from_buffer("double[]", TONES_HZ),
        HOP / RATE,
        ffi.from_buffer("double[]", energy),
    )
    return bool(actual), energy[0] - 1, energy[1] - 2


@pytest.mark.parametrize("key", telephony.KEYS)
def test_a_digit_and_its_energy(key: str) -> None:
    quiet = telephony.noise(0.3, 3)
    samples = (np.concatenate([quiet, telephony.digit(key, 0.08), quiet]) / 32768).astype(np.float32)
    actual, energy, pure = look_for_digits(samples)
    window = np.hanning(2 * HOP + 1)[:-1]
    windows = np.lib.stride_tricks.sliding_window_view(samples.astype(np.float64), 2 * HOP)[::HOP]
    assert actual
    assert energy == pytest.approx((np.square(windows * window).sum(axis=1) / (window @ window)).sum(), rel=1e-4)
    assert 0.8 * energy < pure < energy


@pytest.mark.parametrize(
    "others",
    [
        telephony.digit("5", 0.08, deviation=0.04),
        telephony.digit("5", 0.08, twist_db=15),
        telephony.digit("5", 0.08, amplitude=30),
        telephony.sines((770.0,), 0.08),
        telephony.sines((697.0, 770.0), 0.08),
        telephony.noise(0.08, 3000),
    ],
    ids=["off its frequencies", "one tone far weaker", "too weak", "one tone", "two of one group", "noise"],
)
def test_other_signals_are_not_digits(others: NDArray[np.float64]) -> None:
    quiet = telephony.noise(0.1, 1)
    actual, energy, _ = look_for_digits((np.concatenate([quiet, others, quiet]) / 32768).astype(np.float32))
    assert not actual
    assert energy > 0
