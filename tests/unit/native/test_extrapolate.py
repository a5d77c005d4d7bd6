"""Signals continue at both ends as they would probably go on."""

import numpy as np
import pytest
from numpy.typing import NDArray

from streams.native import ffi, lib

TIME = np.arange(2400) / 8000
KNOWN, ORDER, COUNT = 1280, 128, 400
START = 500


def continued(samples: NDArray[np.int16], channels: int = 1, *, back: bool) -> NDArray[np.int16]:
    """What follows or precedes `KNOWN` samples of each channel, which begin at `START`."""
    frames = samples.reshape(-1, channels).copy()
    begin, end = START, START + KNOWN
    frames[:begin] = frames[end:] = 0
    for channel in range(channels):
        at = ffi.from_buffer("int16_t[]", frames)
        if back:
            lib.extrapolate(at + begin * channels + channel, channels, KNOWN, ORDER, COUNT)
        else:
            lib.extrapolate(at + (end - 1) * channels + channel, -channels, KNOWN, ORDER, COUNT)
    return frames[begin - COUNT : begin] if back else frames[end : end + COUNT]


def hum(base: float) -> NDArray[np.int16]:
    waves = [
        amplitude * np.sin(2 * np.pi * base * number * TIME + number) for number, amplitude in ((1, 1000), (3, 400))
    ]
    return np.asarray(np.rint(np.sum(waves, axis=0)), np.int16)


@pytest.mark.parametrize("base", [50, 100, 440.0])
@pytest.mark.parametrize("back", [False, True])
def test_a_hum_goes_on(base: float, *, back: bool) -> None:
    known = hum(base)
    truth = known[START - COUNT : START] if back else known[START + KNOWN : START + KNOWN + COUNT]

    error = continued(known, back=back)[:, 0].astype(float) - truth

    nearest = error[-160:] if back else error[:160]
    assert np.sqrt(np.mean(nearest**2)) < 50  # of 760


def test_noise_fades() -> None:
    noise = np.random.default_rng(0).normal(0, 1000, 2400).astype(np.int16)
    assert np.abs(continued(noise, back=False)[300:]).max() < 500


def test_channels_stay_apart() -> None:
    both = np.stack([hum(100), np.zeros(2400, np.int16)], axis=1)
    assert np.array_equal(continued(both, 2, back=True)[:, 0], continued(both[:, 0], back=True)[:, 0])
    assert not continued(both, 2, back=True)[:, 1].any()


@pytest.mark.parametrize("value", [0, 7, -32768, 32767])
def test_what_is_constant_stays_in_range(value: int) -> None:
    assert np.abs(continued(np.full(2400, value, np.int16), back=False).astype(int) - value).max() <= abs(value)
