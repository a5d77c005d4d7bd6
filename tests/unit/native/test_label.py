"""The C functions that check labels, compared with the same formulas in numpy."""

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
@pytest.mark.parametrize(("candidates", "most"), [(1000, 1000), (100, 1000), (100, 30), (1000, 10)])
def test_costs_are_those_of_the_best_simple_predictor(channels: int, candidates: int, most: int) -> None:
    blocks = blocks_of(signals.speech(1.0, channels=channels))
    assert len(blocks) > 100
    blocks = np.insert(blocks, np.arange(0, 100, 3), 0, axis=0)
    codes = np.arange(256, dtype=np.uint8)
    meanings = np.array([g711.decode(codes, law) for law in LAWS], np.float32)
    widths = np.random.default_rng(1).uniform(1, 8, (2, 256)).astype(np.float32)
    actual, busy = costs(blocks, (meanings, widths), channels, candidates, most)

    looked_at = spread(np.arange(len(blocks)), candidates)
    expected = looked_at[blocks[looked_at].any(axis=1)]
    assert busy.tolist() == expected.tolist()
    sampled = blocks[spread(expected, most)]
    readings = [sampled.view(order).astype(np.float64) for order in (">i2", "<i2")]
    readings += [meaning.astype(np.float64)[sampled] for meaning in meanings]
    steps = [np.zeros(len(sampled)), np.zeros(len(sampled)), *(width[sampled].mean(axis=1) for width in widths)]
    for cost, samples, step, sample_bytes in zip(actual, readings, steps, (2, 2, 1, 1), strict=True):
        bits = np.log2(1 + 2 * np.e * smallest_error(samples, channels) * np.exp2(-step)[:, None])
        assert cost == pytest.approx(bits.mean() / sample_bytes, rel=1e-5)


def spread(rows: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """At most ``most`` rows, evenly spaced."""
    return rows if len(rows) <= most else rows[[number * len(rows) // most for number in range(most)]]


def costs(
    blocks: NDArray[np.uint8],
    laws: tuple[NDArray[np.float32], NDArray[np.float32]],
    channels: int,
    candidates: int,
    most: int,
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Bits per byte of each reading, and the indices of busy blocks; laws: samples of codes, and widths of steps."""
    bits, busy = np.empty(4), np.empty(candidates, np.int32)
    found = lib.reading_prices(
        ffi.from_buffer("uint8_t[]", blocks),
        len(blocks),
        candidates,
        most,
        channels,
        *(ffi.from_buffer("float[]", of_codes) for of_codes in laws),
        ffi.from_buffer("int32_t[]", busy),
        ffi.from_buffer("double[]", bits),
    )
    return bits, busy[:found]


def test_blocks_that_repeat_eight_bytes_are_not_busy() -> None:
    blocks = np.zeros((6, BLOCK), np.uint8)
    blocks[1] = np.tile(np.arange(8, dtype=np.uint8), BLOCK // 8)
    blocks[2, BLOCK - 1] = 1
    blocks[4, 0] = 1
    blocks[5] = np.arange(BLOCK, dtype=np.uint8)
    ones = np.ones((2, 256), np.float32)
    assert costs(blocks, (ones, ones), 1, candidates=10, most=10)[1].tolist() == [2, 4, 5]
    nothing, busy = costs(blocks[:2], (ones, ones), 1, candidates=10, most=10)
    assert (nothing.tolist(), busy.tolist()) == ([0, 0, 0, 0], [])
