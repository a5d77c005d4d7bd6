"""Results of consecutive segments fit together: where they meet, errors are hardly larger than elsewhere."""

import io

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streams.codecs import DualMonoOpusEncoder, Encoder, OpusEncoder
from tests.support.signals import clip_of, speech

RATE, SECONDS, SEGMENT = 8000, 40, 16_000
WINDOW = 40  # samples: 5 ms

MONO = OpusEncoder(9600, shaped=True)


def hum(base: int, rate: int) -> NDArray[np.int16]:
    time = np.arange(SECONDS * rate) / rate
    waves = [
        level * np.sin(2 * np.pi * base * number * time) for number, level in ((1, 1000), (2, 600), (3, 400), (5, 200))
    ]
    noise = np.random.default_rng(0).normal(0, 3, len(time))
    return np.asarray(np.rint(np.sum(waves, axis=0) + noise), np.int16)[:, None]


def clicks(error: NDArray[np.float64], segment: int) -> float:
    """Level of the loudest clicks around seams relative to those in the middle of segments, in dB."""
    treble = np.diff(error, n=2, axis=0)
    power = (treble[: len(treble) // WINDOW * WINDOW].reshape(-1, WINDOW * error.shape[1]) ** 2).mean(axis=1)
    at_seams, elsewhere = (
        np.mean(
            [
                power[at // WINDOW - 4 : at // WINDOW + 4].max()
                for at in range(segment + shift, len(error) - segment, segment)
            ]
        )
        for shift in (0, segment // 2)
    )
    return float(10 * np.log10(at_seams / elsewhere))


def joined(encoder: Encoder, samples: NDArray[np.int16], rate: int, segment: int) -> NDArray[np.float64]:
    parts = [
        soundfile.read(
            io.BytesIO(encoder.encode(clip_of(samples[start : start + segment], rate)).audio), always_2d=True
        )[0]
        for start in range(0, len(samples), segment)
    ]
    return np.concatenate(parts) * 32768


@pytest.mark.parametrize("base", [50, 100])
@pytest.mark.parametrize("rate", [8000, 16_000])
@pytest.mark.parametrize("milliseconds", [2000, 2013, 1956])  # also with the shortest and the longest lead
def test_a_hum_does_not_tick(base: int, rate: int, milliseconds: int) -> None:
    segment = rate * milliseconds // 1000
    samples = hum(base, rate)
    samples = samples[: len(samples) // segment * segment]

    assert clicks(joined(MONO, samples, rate, segment) - samples, segment) < 10  # with silence at the ends 19 to 28


@pytest.mark.parametrize(
    "encoder", [OpusEncoder(19_200), DualMonoOpusEncoder(MONO, MONO)], ids=["coupled", "dual mono"]
)
def test_neither_does_a_hum_in_two_channels(encoder: Encoder) -> None:
    samples = np.hstack([hum(50, RATE), hum(100, RATE)])

    assert clicks(joined(encoder, samples, RATE, SEGMENT) - samples, SEGMENT) < 10


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [1, 100, 400, 407, 408, 16_000])
def test_the_last_packet_ends_with_the_clip(frames: int, channels: int) -> None:
    with av.open(io.BytesIO(MONO.encode(speech(frames / RATE, RATE, channels)).audio), "r") as container:
        packets = [packet for packet in container.demux(audio=0) if packet.size]

    total = sum(packet.duration or 0 for packet in packets)
    assert len(packets) >= 2
    assert total - 6 * frames >= 960  # 20 ms
