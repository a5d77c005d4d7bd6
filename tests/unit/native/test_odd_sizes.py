"""Every kernel with sizes and values that are rare in recordings, in buffers of exactly the documented size.

Under sanitizers (`test_sanitized.py`), any access beyond them is an error.
"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from streams.codecs.libopus import Packets, multiplexed
from streams.native import ffi, lib

BLOCK: int = lib.PRICED_BLOCK
SPECIAL = np.array([0, -0.0, 1, -1, 1e-45, 3e38, -3e38, np.inf, -np.inf, np.nan], np.float32)

seeds = st.integers(0, 2**32 - 1)
channel_counts = st.sampled_from([1, 2])


def up_to(most: int) -> st.SearchStrategy[int]:
    """Whole numbers from 0 to ``most``, with many of the extremes."""
    return st.sampled_from([0, 1, 2, 3, most]) | st.integers(0, most)


def some(most: int) -> st.SearchStrategy[int]:
    return up_to(most).map(lambda number: max(number, 1))


def floats(seed: int, *shape: int, special: float = 0.0) -> NDArray[np.float32]:
    """Random numbers, a share of which are special values."""
    random = np.random.default_rng(seed)
    numbers = random.standard_normal(shape).astype(np.float32)
    return np.where(random.random(shape) < special, random.choice(SPECIAL, shape), numbers).astype(np.float32)


def integers(seed: int, *shape: int) -> NDArray[np.int16]:
    """Random samples; odd seeds give only the smallest and the largest values."""
    random = np.random.default_rng(seed)
    if seed % 2:
        return random.choice(np.array([-32768, 32767], np.int16), shape)
    return random.integers(-32768, 32768, shape).astype(np.int16)


shares = st.sampled_from([0.0, 0.1, 1.0])


@given(seeds, some(4096), up_to(6))
def test_mean_squares(seed: int, frames: int, count: int) -> None:
    samples, powers = integers(seed, count, frames), np.empty(count)
    lib.mean_squares(ffi.from_buffer("int16_t[]", samples), frames, count, ffi.from_buffer("double[]", powers))
    assert powers == pytest.approx((samples.astype(np.float64) ** 2).mean(axis=1))


frames = st.lists(st.tuples(st.sampled_from([0x58, 0xD8]), st.integers(1, 1275)), max_size=12)


@given(frames, frames)
def test_packets_keep_their_bytes(left: list[tuple[int, int]], right: list[tuple[int, int]]) -> None:
    count = min(len(left), len(right))
    streams = [[bytes([first]) + bytes(range(1, 256)) * 5 for first, _ in each] for each in (left, right)]
    bodies = [
        [body[:size] for body, (_, size) in zip(*each, strict=True)]
        for each in zip(streams, (left, right), strict=True)
    ]
    packets = [
        Packets(np.frombuffer(b"".join(each), np.uint8), np.array([len(body) for body in each], np.int32))
        for each in bodies
    ]
    for stream, each in zip(packets, bodies, strict=True):
        assert multiplexed([stream], len(each)) == [body + b"#" * (len(body) == 1) for body in each]
    for packet, first, last in zip(multiplexed(packets, count), bodies[0], bodies[1], strict=False):
        assert packet.endswith(
            first[1:] + b"\0" + last if len(last) > 1 < len(first) else last + b"#" * (len(last) == 1)
        )
        assert 2 <= len(packet) - len(first) - len(last) <= 7


@given(
    seed=seeds,
    blocks=up_to(40),
    candidates=up_to(50),
    most=up_to(50),
    channels=channel_counts,
    offset=up_to(7),
    steady=shares,
)
def test_reading_prices(
    *, seed: int, blocks: int, candidates: int, most: int, channels: int, offset: int, steady: float
) -> None:
    random = np.random.default_rng(seed)
    audio = random.integers(0, 256, offset + blocks * BLOCK).astype(np.uint8)[offset:]
    rows = audio.reshape(blocks, BLOCK)
    rows[random.random(blocks) < steady] = seed % 256
    laws = [floats(seed, 2, 256) * 32767, np.abs(floats(seed, 2, 256))]
    busy, bits = np.empty(candidates, np.int32), np.empty(4)
    found = lib.reading_prices(
        ffi.from_buffer("uint8_t[]", audio),
        blocks,
        candidates,
        most,
        channels,
        *(ffi.from_buffer("float[]", law) for law in laws),
        ffi.from_buffer("int32_t[]", busy),
        ffi.from_buffer("double[]", bits),
    )
    expected = np.flatnonzero((rows != rows[:, :1]).any(axis=1))
    looked_at = range(blocks) if blocks <= candidates else [at * blocks // candidates for at in range(candidates)]
    assert busy[:found].tolist() == [row for row in looked_at if row in expected]
    assert np.isfinite(bits).all()
    assert (bits > 0).all() == (found > 0 and most > 0)


@given(st.data(), seeds, up_to(5), some(300), shares)
def test_power_spectrum(data: st.DataObject, seed: int, frames: int, bins: int, special: float) -> None:
    kept = data.draw(up_to(bins - 1).filter(lambda kept: kept < bins))
    transformed = floats(seed, frames, bins, 2, special=special)
    power, sums = np.empty((frames, kept), np.float32), np.zeros(bins)
    lib.power_spectrum(
        ffi.from_buffer("float[]", transformed),
        frames,
        bins,
        kept,
        ffi.from_buffer("float[]", power),
        ffi.from_buffer("double[]", sums),
    )
    with np.errstate(over="ignore"):
        expected = (transformed**2).sum(axis=2)
    expected[:, :2] = 0  # a recorder's offset
    np.testing.assert_allclose(power, expected[:, 1 : kept + 1], rtol=1e-5)
    np.testing.assert_allclose(sums, expected.sum(axis=0, dtype=np.float64), rtol=1e-5)


@given(seed=seeds, bins=up_to(300), width=some(300), share=st.floats(0, 1), least=st.floats(0, 2), special=shares)
def test_highest_band(*, seed: int, bins: int, width: int, share: float, least: float, special: float) -> None:
    power = np.abs(floats(seed, bins, special=special)).astype(np.float64)
    found = lib.highest_band(ffi.from_buffer("double[]", power), bins, width, share, least)
    assert 0 <= found <= -(-bins // width)
    if not special:
        bands = [power[start : start + width].sum() for start in range(0, bins, width)]
        loud = [number for number, band in enumerate(bands, 1) if band > share * max(bands) and band > least]
        assert found == max(loud, default=0)


@given(seeds, up_to(40), some(300), st.sampled_from([0.01, 7.8125, 15.625, 4000.0]), shares)
def test_mark_tones(seed: int, frames: int, bins: int, bin_hz: float, special: float) -> None:
    power = np.abs(floats(seed, frames, bins, special=special))
    power[np.random.default_rng(seed).random(frames) < 0.5] *= 1e-30
    level, centre = np.empty((2, frames), np.float32)
    marks, longest = np.empty(frames, np.uint8), np.empty(lib.MARKS, np.int32)
    lib.mark_tones(
        ffi.from_buffer("float[]", power),
        frames,
        bins,
        bin_hz,
        ffi.from_buffer("float[]", level),
        ffi.from_buffer("float[]", centre),
        ffi.from_buffer("uint8_t[]", marks),
        ffi.from_buffer("int32_t[]", longest),
    )
    for mark in range(lib.MARKS):
        stretches = "".join("x" if bits >> mark & 1 else " " for bits in marks.tolist()).split()
        assert longest[mark] == max(map(len, stretches), default=0)
    if not special:
        assert level == pytest.approx(power.sum(axis=1), rel=1e-4)


@given(seeds, st.integers(2, 40) | st.just(1875), some(300), shares)
def test_music_features(seed: int, frames: int, bins: int, special: float) -> None:
    power, features = np.abs(floats(seed, frames, bins, special=special)), np.empty(7)
    lib.music_features(ffi.from_buffer("float[]", power), frames, bins, ffi.from_buffer("double[]", features))
    if not special:
        assert np.isfinite(features).all()
        assert (features >= 0).all()


@given(seed=seeds, frames=some(80), size=some(200), channels=channel_counts, around=up_to(90), special=shares)
def test_sounding_frames(*, seed: int, frames: int, size: int, channels: int, around: int, special: float) -> None:
    samples = floats(seed, frames, size, channels, special=special)
    power, levels = np.empty(frames, np.float32), np.empty(3)
    found = lib.sounding_frames(
        ffi.from_buffer("float[]", samples),
        frames,
        size,
        channels,
        around,
        ffi.from_buffer("float[]", power),
        ffi.from_buffer("double[]", levels),
    )
    assert 0 <= found <= frames
    if not special:
        assert power == pytest.approx(samples.var(axis=1).max(axis=1), rel=1e-4, abs=1e-5)


@given(seeds, up_to(30), some(500), shares)
def test_find_digit(seed: int, blocks: int, hop: int, special: float) -> None:
    amplitudes, samples = floats(seed, blocks, 32, special=special), floats(seed, blocks, hop, special=special)
    weights, tones, energy = np.abs(floats(seed, 2, hop)), np.arange(1.0, 9.0) * 200, np.zeros(2)
    found = lib.find_digit(
        ffi.from_buffer("float[]", amplitudes),
        ffi.from_buffer("float[]", samples),
        blocks,
        hop,
        ffi.from_buffer("float[]", weights),
        ffi.from_buffer("double[]", tones),
        0.01,
        ffi.from_buffer("double[]", energy),
    )
    assert found in {0, 1}
    if not special:
        assert 0 <= energy[1] <= energy[0]
        assert (energy[0] > 0) == (blocks > 1)


@given(seeds, some(lib.LONGEST_KNOWN), up_to(lib.HIGHEST_ORDER), up_to(300), channel_counts)
def test_extrapolate(seed: int, known: int, order: int, count: int, channels: int) -> None:
    frames = integers(seed, count + known, channels)
    before = frames.copy()
    for channel in range(channels):
        edge = ffi.from_buffer("int16_t[]", frames) + count * channels + channel
        lib.extrapolate(edge, channels, known, min(order, known // 2), count)
    assert np.array_equal(frames[count:], before[count:])
