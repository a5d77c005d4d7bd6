"""The inner loops in C beside the same formulas in numpy, straight from their definitions."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.audio import g711
from streams.audio.activity import normalised
from streams.audio.clip import Clip
from streams.audio.spectrum import Spectrum, spectrum
from streams.native import ffi, lib
from tests.support import signals

BLOCK: int = lib.PRICED_BLOCK
LAWS: tuple[g711.Law, g711.Law] = ("pcmu", "pcma")


def blocks_of(clip: Clip) -> NDArray[np.uint8]:
    audio = clip.samples.astype("<i2").tobytes()
    return np.frombuffer(audio[: len(audio) // BLOCK * BLOCK], np.uint8).reshape(-1, BLOCK)


def smallest_error(samples: NDArray[np.floating], channels: int) -> NDArray[np.floating]:
    """Shape (blocks, channels)."""
    frames = samples.reshape(len(samples), -1, channels)
    errors = [np.abs(np.diff(frames, n=order, axis=1)).mean(axis=1) for order in (0, 1, 2)]
    smallest: NDArray[np.floating] = np.min(errors, axis=0)
    return smallest


@pytest.mark.parametrize("channels", [1, 2])
def test_prices_are_those_of_the_best_simple_predictor(channels: int) -> None:
    blocks = blocks_of(signals.speech(1.0, channels=channels))
    codes = np.arange(256, dtype=np.uint8)
    meanings = np.array([g711.decode(codes, law) for law in LAWS], np.float32)
    widths = np.random.default_rng(1).uniform(1, 8, (2, 256)).astype(np.float32)
    numbers = np.arange(0, len(blocks), 3, dtype=np.int32)
    found = np.empty(4)
    lib.reading_prices(
        ffi.from_buffer("uint8_t[]", blocks),
        ffi.from_buffer("int32_t[]", numbers),
        len(numbers),
        channels,
        ffi.from_buffer("float[]", meanings),
        ffi.from_buffer("float[]", widths),
        ffi.from_buffer("double[]", found),
    )
    priced = blocks[numbers]
    readings = [priced.view(order).astype(np.float64) for order in (">i2", "<i2")]
    readings += [meaning.astype(np.float64)[priced] for meaning in meanings]
    steps = [np.zeros(len(priced)), np.zeros(len(priced)), *(width[priced].mean(axis=1) for width in widths)]
    for price, samples, step, sample_bytes in zip(found, readings, steps, (2, 2, 1, 1), strict=True):
        bits = np.log2(1 + 2 * np.e * smallest_error(samples, channels) * np.exp2(-step)[:, None])
        assert price == pytest.approx(bits.mean() / sample_bytes, rel=1e-5)


def test_blocks_that_repeat_eight_bytes_are_not_busy() -> None:
    blocks = np.zeros((6, BLOCK), np.uint8)
    blocks[1] = np.tile(np.arange(8, dtype=np.uint8), BLOCK // 8)
    blocks[2, BLOCK - 1] = 1
    blocks[4, 0] = 1
    blocks[5] = np.arange(BLOCK, dtype=np.uint8)
    busy = np.empty(len(blocks), np.int32)
    found = lib.busy_blocks(ffi.from_buffer("uint8_t[]", blocks), len(blocks), ffi.from_buffer("int32_t[]", busy))
    assert busy[:found].tolist() == [2, 4, 5]


@pytest.fixture(params=[8000, 11025])  # 256 and 255 bins: whole vectors, and some that are not
def seen(request: pytest.FixtureRequest) -> Spectrum:
    clip = signals.speech(2.0, rate=request.param)
    return spectrum(normalised(clip.samples).reshape(-1), clip.rate)


def test_the_strongest_sines_of_each_frame(seen: Spectrum) -> None:
    frames, bins = seen.power.shape
    found = np.empty((4, frames), np.float32)
    lib.strongest_sines(
        ffi.from_buffer("float[]", seen.power),
        ffi.from_buffer("float[]", seen.level),
        frames,
        bins,
        *(ffi.from_buffer("float[]", row) for row in found),
    )
    for power, first, both, pitch, centre in zip(seen.power.astype(np.float64), *found.astype(np.float64), strict=True):
        numbers, left, inside = np.arange(1, bins + 1), power.copy(), []
        for sine in range(2):
            at = int(left.argmax())
            near = slice(max(at - 2, 0), at + 3)
            inside.append(left[near].sum())
            if sine == 0:
                assert pitch == pytest.approx((power[near] * numbers[near]).sum() / power[near].sum(), rel=1e-5)
            left[near] = 0
        assert first == pytest.approx(inside[0] / power.sum(), rel=1e-5)
        assert both == pytest.approx(sum(inside) / power.sum(), rel=1e-5)
        assert centre == pytest.approx((power * numbers).sum() / power.sum(), rel=1e-5)


def test_how_a_spectrum_goes_on(seen: Spectrum) -> None:
    frames, bins = seen.power.shape
    level, centre = np.empty((2, frames), np.float32)
    likeness, partials = np.zeros((2, frames), np.float32), np.empty(5)
    working = np.empty((2, frames, bins), np.float32)
    lib.spectral_change(
        ffi.from_buffer("float[]", seen.power),
        frames,
        bins,
        *(ffi.from_buffer("float[]", array) for array in (level, centre, likeness)),
        ffi.from_buffer("double[]", partials),
        ffi.from_buffer("float[]", working),
    )
    power = seen.power.astype(np.float64) + 1e-12
    amplitude = np.sqrt(power)
    assert level == pytest.approx(power.sum(axis=1), rel=1e-5)
    assert centre == pytest.approx(power @ np.arange(1, bins + 1) / power.sum(axis=1), rel=1e-5)
    norm = np.sqrt(power.sum(axis=1))
    for row, lag in zip(likeness, (3, 8), strict=True):
        alike = (amplitude[lag:] * amplitude[:-lag]).sum(axis=1) / (norm[lag:] * norm[:-lag])
        assert row[lag:] == pytest.approx(alike, rel=1e-5)
    stands_out = np.zeros_like(power, bool)
    stands_out[:, 3:-3] = (
        (power[:, 3:-3] > 6 * np.maximum(power[:, :-6], power[:, 6:]))
        & (power[:, 3:-3] >= power[:, 2:-4])
        & (power[:, 3:-3] >= power[:, 4:-2])
    )
    partial = amplitude * stands_out
    assert stands_out.any()
    expected = [(partial[4:] * partial[:-4]).sum(), (partial[4:] ** 2).sum(), (partial[:-4] ** 2).sum()]
    assert partials[:3] == pytest.approx(expected, rel=1e-5)
    assert partials[3:].tolist() == [stands_out[8:].sum(), (stands_out[8:] & stands_out[:-8]).sum()]
