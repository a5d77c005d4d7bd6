"""Quiet audio is amplified before coding, and players take that back; parts of a clip may have more bits."""

import io

import av
import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from streams.codecs import DualMonoOpusEncoder, OpusEncoder
from streams.codecs.opus import Section
from tests.support.signals import clip_of, speech

Samples = NDArray[np.float64]
LOUD = speech(4)
QUIET = clip_of((LOUD.samples // 64).astype(np.int16))


def by_libsndfile(audio: bytes) -> Samples:
    samples: Samples = soundfile.read(io.BytesIO(audio), dtype="int16")[0].astype(np.float64)
    return samples


def by_ffmpeg(audio: bytes) -> Samples:
    """At 8 kHz, every sixth sample of narrow band at 48 kHz."""
    with av.open(io.BytesIO(audio), "r") as container:
        found = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    samples: Samples = (found[0] * (32768 if found.dtype.kind == "f" else 1)).astype(np.float64)[::6]
    return samples


def level(samples: Samples) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(samples**2))))


@pytest.mark.parametrize("decoded", [by_libsndfile, by_ffmpeg])
@pytest.mark.parametrize("gain_db", [0, 6, 30, 36])
def test_players_take_the_gain_back(gain_db: int, decoded: object) -> None:
    assert callable(decoded)
    audio = OpusEncoder(24_000, gain_db=gain_db).encode(QUIET).audio

    assert level(decoded(audio)) == pytest.approx(level(QUIET.samples.astype(np.float64)), abs=1)


def test_quiet_speech_is_nearer_to_its_clip_with_gain() -> None:
    def noise(gain_db: int) -> float:
        decoded = by_libsndfile(OpusEncoder(16_000, gain_db=gain_db).encode(QUIET).audio)
        return level(decoded - QUIET.samples[:, 0])

    assert noise(30) < noise(0) - 1


def test_loud_samples_are_clipped_and_do_not_wrap() -> None:
    decoded = by_libsndfile(OpusEncoder(24_000, gain_db=24).encode(LOUD).audio)

    assert np.abs(decoded).max() < np.abs(LOUD.samples.astype(int)).max()


def test_a_file_has_one_gain() -> None:
    both = clip_of(np.hstack([QUIET.samples, QUIET.samples[::-1]]))
    encoder = DualMonoOpusEncoder(OpusEncoder(12_000, gain_db=30), OpusEncoder(14_000, gain_db=30))

    decoded = by_libsndfile(encoder.encode(both).audio)

    assert [level(decoded[:, side]) for side in range(2)] == pytest.approx(
        [level(QUIET.samples.astype(float))] * 2, abs=1.5
    )
    with pytest.raises(ValueError, match="different gains"):
        DualMonoOpusEncoder(OpusEncoder(12_000, gain_db=30), OpusEncoder(12_000)).encode(both)


def test_a_section_has_more_bits_than_the_rest() -> None:
    plain, richer = (
        OpusEncoder(8000, shaped=True, sections=sections) for sections in ((), (Section(1000, 2000, 32_000),))
    )

    def error(encoder: OpusEncoder, seconds: slice) -> float:
        part = slice(seconds.start * 8000, seconds.stop * 8000)
        return level((by_libsndfile(encoder.encode(LOUD).audio) - LOUD.samples[:, 0])[part])

    assert error(richer, slice(1, 2)) < error(plain, slice(1, 2)) - 3
    assert error(richer, slice(3, 4)) == pytest.approx(error(plain, slice(3, 4)), abs=1.5)
    added = len(richer.encode(LOUD).audio) - len(plain.encode(LOUD).audio)
    assert 1500 < added < 4500  # bytes: a second at 32 instead of 8 kbit/s


def test_profiles_differ_where_the_bytes_do() -> None:
    encoders = [
        OpusEncoder(8000),
        OpusEncoder(8000, gain_db=6),
        OpusEncoder(8000, sections=(Section(0, 1000, 9000),)),
        OpusEncoder(8000, sections=(Section(0, 1001, 9000),)),
    ]

    assert len({encoder.profile for encoder in encoders}) == len(encoders)
