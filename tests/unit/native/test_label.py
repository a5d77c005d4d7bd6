"""What labels are judged by, in C, beside the same formulas in numpy, straight from their definitions."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.audio import g711
from streams.audio.clip import Clip
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
